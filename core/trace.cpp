#include "trace.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "dispatch.hpp"
#include "tile.hpp"
#include "workers.hpp"

namespace gatecast {
namespace {

// The context that a forecast reads, without missing values before its first.
Context context_of(const Origins& origins, int at_most) {
  Context context = last_values(origins, 0, at_most);
  while (context.length > 0 && std::isnan(*context.values))
    ++context.values, --context.length, ++context.position, ++context.row;
  return context;
}

// From slopes by values without gaps to those by the values that are there: one in a gap is a mean
// of its neighbours, as WindowReader fills it in.
void give_to_neighbours(const Context& context, double* slopes) {
  const double* y = context.values;
  int before = 0;
  for (int j = 1; j <= context.length; ++j) {
    if (j < context.length && std::isnan(y[j])) continue;
    for (int gap = before + 1; gap < j; ++gap) {
      const double after = j < context.length ? double(gap - before) / (j - before) : 0;
      slopes[before] += (1 - after) * slopes[gap];
      if (j < context.length) slopes[j] += after * slopes[gap];
      slopes[gap] = 0;
    }
    before = j;
  }
}

class Tracer {
 public:
  Tracer(const Network& network, const float* parameters, const Windowing& windowing,
         const Origins& origins)
      : network_(network),
        windowing_(windowing),
        kernels_(kernels().tiles(Precision::kFloat32, 1)),
        context_(context_of(origins, windowing.context_length)),
        reader_(windowing, origins.covariates, false),
        spread_(origins.covariates.spread ? origins.covariates.spread[0] : 0.0),
        packed_(network_, kernels_, Pass::kToInputs),
        tile_(network_, kernels_, windowing.time_steps(), windowing.output_steps(),
              Pass::kToInputs),
        sums_(network_, kernels_) {
    Workers alone(1);
    packed_.pack(parameters, alone);
  }

  Trace run(const std::vector<int>& wanted, Interrupt& interrupt) {
    const int L = kernels_.lanes, T = windowing_.time_steps(), I = network_.inputs;
    const TileInput in = tile_.input();
    std::fill(in.starts, in.starts + L, 0);
    std::vector<double> filled;
    const WindowScale scale = read(filled);
    tile_.forward(packed_, nullptr, 0);

    Trace trace;
    trace.start = in.starts[0];
    trace.length = context_.length;
    for (int j = 0; j < T * I; ++j) trace.x.push_back(in.x[std::size_t(j) * L]);
    for (int layer = 0; layer < int(network_.layers.size()); ++layer)
      trace.layers.push_back(layer_trace(layer));
    const int Q = network_.outputs / windowing_.output_steps();
    for (int o = 0; o < windowing_.horizon * Q; ++o)
      trace.outputs.push_back(scale.from_network(tile_.outputs()[o * L], o / Q));
    trace.slopes.resize(wanted.size() * context_.length);
    trace.by_spread.resize(wanted.size());
    // A lane an output.
    for (std::size_t first = 0; first < wanted.size() && !interrupt.requested(0); first += L) {
      const int n = int(std::min<std::size_t>(L, wanted.size() - first));
      std::fill(tile_.output_gradient(), tile_.output_gradient() + network_.outputs * L, 0.0f);
      for (int lane = 0; lane < n; ++lane)
        tile_.output_gradient()[wanted[first + lane] * L + lane] = 1.0f;
      sums_.clear();
      tile_.backward(packed_, nullptr, 0, sums_);
      for (int lane = 0; lane < n; ++lane) {
        const int o = wanted[first + lane];
        trace.by_spread[first + lane] =
            slopes(scale, lane, o / Q, tile_.outputs()[o * L],
                   trace.slopes.data() + (first + lane) * context_.length);
      }
    }
    return trace;
  }

 private:
  // The same window in every lane.
  WindowScale read(std::vector<double>& filled) {
    const int L = kernels_.lanes;
    const TileInput in = tile_.input();
    for (int lane = 1; lane < L; ++lane) reader_.read(context_, lane, L, in, filled);
    return reader_.read(context_, 0, L, in, filled);
  }

  LayerTrace layer_trace(int layer) {
    const int T = windowing_.time_steps(), H = network_.layers[layer].units;
    const std::size_t size = std::size_t(T) * H;
    LayerTrace trace;
    for (auto* part :
         {&trace.input, &trace.forget, &trace.candidate, &trace.output, &trace.cell, &trace.hidden})
      part->resize(size);
    for (int t = 0; t < T; ++t) {
      const std::size_t at = std::size_t(t) * H;
      tile_.read_step(layer, t, 0,
                      {&trace.input[at], &trace.forget[at], &trace.candidate[at], &trace.output[at],
                       &trace.cell[at], &trace.hidden[at]});
    }
    return trace;
  }

  // Writes how output k changes with each value of the context, from the gradient at the network's
  // inputs in a lane; returns how it changes with the series' spread. With x = (y - location) /
  // scale and forecast = anchor + scale * output.
  double slopes(const WindowScale& scale, int lane, int k, double output, double* to) const {
    const int n = context_.length, P = windowing_.patch_size, I = network_.inputs;
    if (scale.flat()) {
      if (n) to[n - 1] = 1;
      return 0;
    }
    const ScaleSlopes by = scale.slopes();
    double by_location = 0, by_scale = output;  // of the forecast
    const auto anchored = [&](int step, double weight) {
      const int at = scale.anchor_at(step);
      if (at >= 0)
        to[at] += weight;
      else
        by_location += weight;
    };
    anchored(k, 1.0);
    const int padding = windowing_.context_steps() * P - n;
    const auto gradient = [&](int t, int input) {
      return double(tile_.input_gradient()[(std::size_t(t) * I + input) * kernels_.lanes + lane]);
    };
    const auto x = [&](int t, int input) {
      return double(tile_.x()[(std::size_t(t) * I + input) * kernels_.lanes + lane]);
    };
    double by_width = 0;
    for (int t = padding / P; t < windowing_.time_steps(); ++t) {
      for (int p = 0; p < P; ++p) {
        const int at = t * P - padding + p;
        if (at < 0) continue;
        const double slope = gradient(t, p);
        if (at < n)
          to[at] += slope;
        else
          anchored(at - n, slope);
        by_location -= slope;
        by_scale -= slope * x(t, p);
      }
      if (reader_.reads_width()) by_width += gradient(t, P * (1 + windowing_.mask));
    }
    // width = log(|scale| / spread), where that is not cut off
    double by_spread = 0;
    if (const double width = std::log(std::fabs(scale.scale()) / spread_);
        by_width != 0 && spread_ > 0 && std::fabs(width) < WindowReader::kWidest) {
      by_scale += by_width;
      by_spread = -by_width * scale.scale() / spread_;
    }
    for (int j = 0; j < n; ++j) to[j] += by_location * by.location[j] + by_scale * by.scale[j];
    give_to_neighbours(context_, to);
    return by_spread + by_scale * by.scale_by_spread;
  }

  const Network network_;
  const Windowing& windowing_;
  const TileKernels& kernels_;
  Context context_;
  WindowReader reader_;
  double spread_;
  PackedWeights packed_;
  Tile tile_;
  GradientSums sums_;
};

Network in_float32(Network network) {
  network.precision = Precision::kFloat32;
  return network;
}

}  // namespace

Trace trace(const Network& network, const float* parameters, const Windowing& windowing,
            const Origins& origins, const std::vector<int>& wanted, Interrupt& interrupt) {
  FlushDenormals flush;
  return Tracer(in_float32(network), parameters, windowing, origins).run(wanted, interrupt);
}

}  // namespace gatecast
