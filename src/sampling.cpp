// The compiled form of the layer "sampling".
#ifdef FREEINIT_HEADER_ONLY
#error \
    "FREEINIT_HEADER_ONLY is for users of freeinit::header_only; this file is the compiled library"
#endif

#include <freeinit/impl/sampling/inversion_inl.hpp>
#include <freeinit/impl/sampling/noise_schedule_inl.hpp>
#include <freeinit/impl/sampling/sampler_inl.hpp>
#include <freeinit/impl/sampling/sampler_table_inl.hpp>
#include <freeinit/impl/sampling/samplers/ddim_inl.hpp>
#include <freeinit/impl/sampling/samplers/dpmsolver_inl.hpp>
#include <freeinit/impl/sampling/samplers/euler_ancestral_inl.hpp>
#include <freeinit/impl/sampling/samplers/euler_inl.hpp>
#include <freeinit/impl/sampling/samplers/heun_inl.hpp>
#include <freeinit/impl/sampling/samplers/lcm_inl.hpp>
#include <freeinit/impl/sampling/samplers/pndm_inl.hpp>
#include <freeinit/impl/sampling/samplers/tcd_inl.hpp>
#include <freeinit/impl/sampling/samplers/unipc_inl.hpp>
