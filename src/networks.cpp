// The compiled form of the layer "networks".
#ifdef FREEINIT_HEADER_ONLY
#error \
    "FREEINIT_HEADER_ONLY is for users of freeinit::header_only; this file is the compiled library"
#endif

#include <freeinit/impl/networks/autoencoder_inl.hpp>
#include <freeinit/impl/networks/backends/unet_backend_inl.hpp>
#include <freeinit/impl/networks/conditioning_inl.hpp>
#include <freeinit/impl/networks/context_windows_inl.hpp>
#include <freeinit/impl/networks/device_inl.hpp>
#include <freeinit/impl/networks/dtype_inl.hpp>
#include <freeinit/impl/networks/feature_cache_inl.hpp>
#include <freeinit/impl/networks/guidance_inl.hpp>
#include <freeinit/impl/networks/image_encoder_inl.hpp>
#include <freeinit/impl/networks/latent_rgb_inl.hpp>
#include <freeinit/impl/networks/model_bundle_inl.hpp>
#include <freeinit/impl/networks/operators_inl.hpp>
#include <freeinit/impl/networks/text_encoder_inl.hpp>
#include <freeinit/impl/networks/tiled_autoencoder_inl.hpp>
#include <freeinit/impl/networks/video_unet_inl.hpp>
#include <freeinit/impl/networks/windowed_unet_inl.hpp>
