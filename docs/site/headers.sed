# What Doxygen reads of a header. The inline namespace of a version is no part of a name, and what a
# type does as every type does it (moves, comparisons of all members) needs no words.
s/freeinit::inline FREEINIT_ABI/freeinit/
/^ *(constexpr )?[A-Za-z]+\(([A-Za-z]+)&&( other)?\) noexcept( = default)?;$/d
/^ *[A-Za-z]+& operator=\(([A-Za-z]+)&&( other)?\)( noexcept)?( = (default|delete))?;$/d
/operator(==|<=>)\(.*\) = default;$/d
