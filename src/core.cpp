// The compiled form of the layer "core".
#ifdef FREEINIT_HEADER_ONLY
#error \
    "FREEINIT_HEADER_ONLY is for users of freeinit::header_only; this file is the compiled library"
#endif

#include <freeinit/impl/core/error_inl.hpp>
#include <freeinit/impl/core/freed_memory_inl.hpp>
#include <freeinit/impl/core/name_help_inl.hpp>
#include <freeinit/impl/core/process_memory_inl.hpp>
#include <freeinit/impl/core/text_inl.hpp>
