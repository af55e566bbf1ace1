#define GATECAST_ISA amx
#include "amx.hpp"

namespace gatecast {
constinit const Kernels kAmxKernels = [] {
  Kernels kernels = amx::kernel_table("amx", "amx");
  kernels.bfloat16_pays = true;
  // Even half-empty, its tiles are faster than narrow vectors.
  kernels.bfloat16 = {amx::tiled_kernels(), amx::tiled_kernels()};
  return kernels;
}();
}  // namespace gatecast
