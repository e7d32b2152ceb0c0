// The compiled form of the layer "numerics".
#ifdef FREEINIT_HEADER_ONLY
#error "FREEINIT_HEADER_ONLY is for users of freeinit::header_only; this file is the compiled library"
#endif

#include <freeinit/impl/numerics/ddim_scheduler_inl.hpp>
#include <freeinit/impl/numerics/free_init_inl.hpp>
#include <freeinit/impl/numerics/frequency_filter_inl.hpp>
#include <freeinit/impl/numerics/intermediate_passes_inl.hpp>
#include <freeinit/impl/numerics/noise_mix_inl.hpp>
#include <freeinit/impl/numerics/noise_reinitializer_inl.hpp>
#include <freeinit/impl/numerics/noise_source_inl.hpp>
#include <freeinit/impl/numerics/video_noise_inl.hpp>
