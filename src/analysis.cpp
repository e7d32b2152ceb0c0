// The compiled form of the layer "analysis".
#ifdef FREEINIT_HEADER_ONLY
#error \
    "FREEINIT_HEADER_ONLY is for users of freeinit::header_only; this file is the compiled library"
#endif

#include <freeinit/impl/analysis/consistency_inl.hpp>
#include <freeinit/impl/analysis/forward_process_inl.hpp>
#include <freeinit/impl/analysis/frequency_bands_inl.hpp>
#include <freeinit/impl/analysis/noise_statistics_inl.hpp>
