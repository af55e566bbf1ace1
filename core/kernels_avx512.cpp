#define GATECAST_ISA avx512
#include "kernel_table.hpp"

namespace gatecast {
constinit const Kernels kAvx512Kernels = avx512::kernel_table("avx512", "emulation");
}
