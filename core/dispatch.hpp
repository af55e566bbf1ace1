// Chooses the instruction set once, at run time.
#pragma once

#include <string>
#include <vector>

#include "kernels.hpp"

namespace gatecast {

// The kernels in use: GATECAST_ISA's, else the best that this machine runs.
const Kernels& kernels();

// The names of those that this machine runs, best first.
std::vector<std::string> available_isas();

// What precision "auto" means for such a network here: bfloat16 where it surely pays.
Precision best_precision(const std::vector<int>& hidden);

// Forces one for the rest of the process (tests); an empty name returns to the default.
void set_isa(const std::string& name);

}  // namespace gatecast
