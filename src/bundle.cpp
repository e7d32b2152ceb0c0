// The compiled form of the layer "bundle".
#ifdef FREEINIT_HEADER_ONLY
#error \
    "FREEINIT_HEADER_ONLY is for users of freeinit::header_only; this file is the compiled library"
#endif

#include <freeinit/impl/bundle/hash_stamps_inl.hpp>
#include <freeinit/impl/bundle/image_encoder_spec_inl.hpp>
#include <freeinit/impl/bundle/manifest_inl.hpp>
#include <freeinit/impl/bundle/verify_inl.hpp>
