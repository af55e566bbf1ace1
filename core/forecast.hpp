// Forecasts in the data's own units from a fitted network.
#pragma once

#include <cstdint>

#include "interrupt.hpp"
#include "network.hpp"
#include "window.hpp"

namespace gatecast {

// Where forecasts start: the context of forecast n is the last values of
// values[begin[n] : end[n]], at most context_length of them. Covariates are by n, which is their
// series; beyond its end they reach as far as the forecast.
struct Origins {
  const double* values;
  const std::int64_t *begin, *end;
  std::int64_t size;
  Covariates covariates = {};
};

// What forecast n reads: at most so many of its newest values.
Context last_values(const Origins& origins, std::int64_t n, int at_most);

// Both leave `out` unfinished when they are interrupted.
//
// Direct: out [n][horizon * Q]; the network's Q outputs for each value in their order.
void forecast(const Network& network, const float* parameters, const Windowing& windowing,
              const Origins& origins, int threads, Interrupt& interrupt, double* out);

// A one-step network fed back on itself: out [n][steps]. Each forecast becomes the newest value of
// the next context, which is scaled and anchored anew.
void forecast_recursive(const Network& network, const float* parameters, const Windowing& windowing,
                        const Origins& origins, int steps, int threads, Interrupt& interrupt,
                        double* out);

}  // namespace gatecast
