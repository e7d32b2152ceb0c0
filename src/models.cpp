// The compiled form of the layer "models".
#ifdef FREEINIT_HEADER_ONLY
#error "FREEINIT_HEADER_ONLY is for users of freeinit::header_only; this file is the compiled library"
#endif

#include <freeinit/impl/models/autoencoder_inl.hpp>
#include <freeinit/impl/models/dtype_inl.hpp>
#include <freeinit/impl/models/feature_cache_inl.hpp>
#include <freeinit/impl/models/guided_denoiser_inl.hpp>
#include <freeinit/impl/models/image_encoder_inl.hpp>
#include <freeinit/impl/models/model_bundle_inl.hpp>
#include <freeinit/impl/models/text_encoder_inl.hpp>
#include <freeinit/impl/models/unet_backend_inl.hpp>
#include <freeinit/impl/models/video_unet_inl.hpp>
