// The compiled form of the layer "passes".
#ifdef FREEINIT_HEADER_ONLY
#error \
    "FREEINIT_HEADER_ONLY is for users of freeinit::header_only; this file is the compiled library"
#endif

#include <freeinit/impl/passes/checkpoint_inl.hpp>
#include <freeinit/impl/passes/free_init_inl.hpp>
#include <freeinit/impl/passes/free_init_state_inl.hpp>
#include <freeinit/impl/passes/pass_plan_inl.hpp>
#include <freeinit/impl/passes/real_video_noise_inl.hpp>
#include <freeinit/impl/passes/state_check_inl.hpp>
