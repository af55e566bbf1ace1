#define GATECAST_PORTABLE 1
#define GATECAST_ISA portable
#include "kernel_table.hpp"

namespace gatecast {
constinit const Kernels kPortableKernels = portable::kernel_table("portable", "emulation");
}
