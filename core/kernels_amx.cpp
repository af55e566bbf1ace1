#define GATECAST_ISA amx
#include "kernel_table.hpp"

namespace gatecast {
constinit const Kernels kAmxKernels = amx::kernel_table("amx", "amx");
}
