// What a network does while it reads one window: every gate at every step, and how much each
// output leans on each value.
#pragma once

#include <vector>

#include "forecast.hpp"
#include "hybrid.hpp"
#include "interrupt.hpp"
#include "network.hpp"
#include "window.hpp"

namespace gatecast {

// Each [T][H], after the gates' activations; the cell and the state after the step.
struct LayerTrace {
  std::vector<float> input, forget, candidate, output, cell, hidden;
};

struct Trace {
  int start = 0;         // the step at which the sequence begins; before it, padding
  std::vector<float> x;  // [T][I]
  std::vector<LayerTrace> layers;
  std::vector<double> outputs;  // [horizon * Q], in the data's own units
  // Of the wanted outputs, how they change with each value of the context, through the network,
  // its scaling and its anchor, [wanted][length]; and with the spread of the whole series,
  // [wanted], where that is told.
  std::vector<double> slopes, by_spread;
  int length = 0;  // values of the context, the newest of the series
};

// Traces the network, in float32, over the context that ends origin number 0.
Trace trace(const Network& network, const float* parameters, const Windowing& windowing,
            const Origins& origins, const std::vector<int>& wanted, Interrupt& interrupt);

// Traces the hybrid's network over the positions of series number 0. A step is a position, and
// outputs and slopes are on the values' own scale; the slopes go over all of them, the series'
// coefficients held.
Trace trace_hybrid(const Network& network, const float* parameters, const Hybrid& hybrid,
                   const HybridSeries& series, const double* series_parameters,
                   const std::vector<int>& wanted, Interrupt& interrupt);

}  // namespace gatecast
