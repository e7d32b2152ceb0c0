// The compiled form of the layer "options".
#ifdef FREEINIT_HEADER_ONLY
#error \
    "FREEINIT_HEADER_ONLY is for users of freeinit::header_only; this file is the compiled library"
#endif

#include <freeinit/impl/options/context_options_inl.hpp>
#include <freeinit/impl/options/free_init_options_inl.hpp>
#include <freeinit/impl/options/frequency_filter_options_inl.hpp>
#include <freeinit/impl/options/generation_request_inl.hpp>
#include <freeinit/impl/options/noise_mix_options_inl.hpp>
#include <freeinit/impl/options/real_video_options_inl.hpp>
#include <freeinit/impl/options/request_fields_inl.hpp>
#include <freeinit/impl/options/sampler_config_inl.hpp>
#include <freeinit/impl/options/vae_tiling_options_inl.hpp>
