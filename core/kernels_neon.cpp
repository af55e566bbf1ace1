#define GATECAST_ISA neon
#include "kernel_table.hpp"

namespace gatecast {
constinit const Kernels kNeonKernels = neon::kernel_table("neon", "emulation");
}
