// What the authors' CUDA source of 2021 needs of PyTorch from 2.4 on: it names types by `U.type()`, which the macros that
// choose a kernel by type took then. Given to nvcc in front of their file; the file itself stays as it is.
#pragma once
#ifdef __cplusplus
#include <ATen/core/DeprecatedTypeProperties.h>
namespace detail {
inline at::ScalarType scalar_type(const at::DeprecatedTypeProperties& type) { return type.scalarType(); }
}  // namespace detail
#endif
