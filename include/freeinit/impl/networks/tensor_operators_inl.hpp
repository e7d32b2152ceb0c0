#pragma once

#include <freeinit/core/config.hpp>

#include <string_view>

// Which operators of LibTorch a network may use. A list of what is known to compute and nothing
// else: what LibTorch adds later is refused until somebody has looked at it.
namespace freeinit::inline FREEINIT_ABI::detail {

/// Of the namespace aten, with blanks between. An operator that works in place has the rule of the
/// one without the underscore behind it.
inline constexpr std::string_view kTensorOperators =
    // arithmetic and comparison, of tensors and of numbers
    " abs acos acosh add addcdiv addcmul angle asin asinh atan atan2 atanh bitwise_and bitwise_not "
    "bitwise_or bitwise_xor ceil clamp clamp_max clamp_min clip copysign cos cosh deg2rad div "
    "divide eq erf erfc erfinv exp exp2 expm1 fix floor floor_divide floordiv fmax fmin fmod frac "
    "ge greater greater_equal gt hypot isclose isfinite isinf isnan isneginf isposinf isreal "
    "ldexp le lerp less less_equal lgamma log log10 log1p log2 logaddexp logaddexp2 logical_and "
    "logical_not logical_or logical_xor logit lt maximum minimum mul multiply nan_to_num ne neg "
    "negative not_equal positive pow rad2deg real imag reciprocal remainder round rsqrt rsub sgn "
    "sigmoid sign signbit sin sinc sinh sqrt square sub subtract tan tanh true_divide trunc xlogy "
    "where "
    // sums and orders
    "all allclose amax amin aminmax any argmax argmin argsort bincount count_nonzero cummax "
    "cummin cumprod cumsum diff equal kthvalue logsumexp max mean median min mode msort nanmean "
    "nansum norm prod quantile sort std std_mean sum topk var var_mean "
    // shapes
    "alias adjoint as_strided atleast_1d atleast_2d atleast_3d block_diag broadcast_tensors "
    "broadcast_to cat chunk clone concat concatenate contiguous copy detach diag diag_embed "
    "diagonal dim dsplit dstack expand expand_as fill flatten flip fliplr flipud gather hsplit "
    "hstack index index_add index_copy index_fill index_put index_select is_complex is_contiguous "
    "is_floating_point is_nonzero is_same_size isin item len lift_fresh masked_fill "
    "masked_scatter masked_select matrix_H mH mT meshgrid moveaxis movedim narrow nonzero numel "
    "numpy_T permute pixel_shuffle pixel_unshuffle channel_shuffle ravel repeat repeat_interleave "
    "reshape reshape_as resolve_conj resolve_neg roll rot90 scatter scatter_add scatter_reduce "
    "select select_scatter size slice slice_scatter split split_with_sizes squeeze stack "
    "storage_offset stride sum_to_size swapaxes swapdims t take take_along_dim tensor_split tile "
    "to transpose tril triu tril_indices triu_indices type_as unbind unflatten unfold "
    "unsafe_chunk unsafe_split unsafe_split_with_sizes unsqueeze view view_as view_as_complex "
    "view_as_real vsplit vstack zero "
    // new tensors
    "arange empty empty_like empty_strided eye full full_like linspace logspace new_empty "
    "new_full new_ones new_zeros ones ones_like rand rand_like randn randn_like scalar_tensor "
    "tensor zeros zeros_like one_hot bartlett_window hamming_window hann_window "
    // products
    "addbmm addmm addmv addr baddbmm bilinear bmm chain_matmul cross dot einsum inner kron linear "
    "matmul matrix_exp mm mv outer tensordot vdot linalg_norm linalg_vector_norm "
    "linalg_matrix_norm linalg_cross linalg_multi_dot fft_fft fft_fft2 fft_fftn fft_ifft "
    "fft_ifft2 fft_ifftn fft_rfft fft_rfft2 fft_rfftn fft_irfft fft_irfft2 fft_irfftn "
    "fft_fftshift fft_ifftshift "
    // layers
    "_convolution _convolution_mode _native_multi_head_attention adaptive_avg_pool1d "
    "adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d "
    "adaptive_max_pool3d affine_grid_generator alpha_dropout avg_pool1d avg_pool2d avg_pool3d "
    "batch_norm celu constant_pad_nd conv1d conv2d conv3d conv_transpose1d conv_transpose2d "
    "conv_transpose3d convolution cosine_similarity dropout elu embedding embedding_bag "
    "feature_alpha_dropout feature_dropout gelu glu grid_sampler grid_sampler_2d grid_sampler_3d "
    "group_norm hardshrink hardsigmoid hardswish hardtanh im2col col2im instance_norm layer_norm "
    "leaky_relu log_sigmoid log_softmax lstm gru max_pool1d max_pool2d max_pool3d mish mse_loss "
    "native_batch_norm native_dropout native_group_norm native_layer_norm pad pairwise_distance "
    "pdist cdist prelu reflection_pad1d reflection_pad2d reflection_pad3d relu relu6 renorm "
    "replication_pad1d replication_pad2d replication_pad3d rms_norm rrelu "
    "scaled_dot_product_attention selu silu softmax _softmax _log_softmax softplus softshrink "
    "threshold upsample_bicubic2d upsample_bilinear2d upsample_linear1d upsample_nearest1d "
    "upsample_nearest2d upsample_nearest3d upsample_trilinear3d _upsample_bicubic2d_aa "
    "_upsample_bilinear2d_aa _upsample_nearest_exact1d _upsample_nearest_exact2d "
    "_upsample_nearest_exact3d _weight_norm "
    // eight bits
    "dequantize fake_quantize_per_channel_affine fake_quantize_per_tensor_affine int_repr q_scale "
    "q_zero_point quantize_per_channel quantize_per_tensor quantize_per_tensor_dynamic _int_mm "
    // numbers, lists, texts and the like of the code itself
    "Bool Complex ComplexImplicit Float FloatImplicit Int IntImplicit ScalarImplicit __and__ "
    "__contains__ __derive_index __getitem__ __is__ __isnot__ __not__ __or__ __range_length "
    "__round_to_zero_floordiv __xor__ _set_item append clear cpu cuda count device dict endswith "
    "extend find format get get_device hash insert is_autocast_enabled is_scripting items join "
    "keys list lower ord pop popitem radians replace reverse sorted startswith str strip sym_size "
    "update upper values _unwrap_optional _assert_tensor_metadata requires_grad ";

/// Of the namespace prim: what the code's own forms become.
inline constexpr std::string_view kCodeOperators =
    " Constant ListConstruct ListUnpack TupleConstruct TupleUnpack TupleIndex TupleSlice "
    "DictConstruct GetAttr CreateObject CallMethod CallFunction If Loop NumToTensor Uninitialized "
    "RaiseException unchecked_cast unchecked_unwrap_optional isinstance rangelist tolist type "
    "dtype device layout data itemsize name requires_grad is_cuda is_cpu is_meta is_mkldnn "
    "is_quantized is_sparse max min abs AutogradZero ConstantChunk EnumName EnumValue "
    "ModuleContainerIndex StringIndex ";

/// Files, the network, other processes, the terminal, and the state of the whole process: not even
/// by name.
inline constexpr std::string_view kForbiddenOperators =
    " aten::save aten::load aten::from_file aten::_print aten::manual_seed aten::seed "
    "aten::set_grad_enabled aten::set_num_threads aten::set_ aten::set_data prim::Print aten::warn "
    "prim::PythonOp prim::IgnoredPythonOp prim::rpc_async prim::rpc_sync prim::rpc_remote ";

}  // namespace freeinit::inline FREEINIT_ABI::detail
