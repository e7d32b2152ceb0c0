// The compiled form of the layer "noise".
#ifdef FREEINIT_HEADER_ONLY
#error \
    "FREEINIT_HEADER_ONLY is for users of freeinit::header_only; this file is the compiled library"
#endif

#include <freeinit/impl/noise/frequency_filter_inl.hpp>
#include <freeinit/impl/noise/noise_mix_inl.hpp>
#include <freeinit/impl/noise/noise_reinitializer_inl.hpp>
#include <freeinit/impl/noise/noise_source_inl.hpp>
