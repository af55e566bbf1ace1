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

// A tile whose lanes all read the same, so that each can tell of an output of its own.
class TracedTile {
 public:
  TracedTile(const Network& network, const float* parameters, int T, int targets)
      : network_(network),
        kernels_(kernels().tiles(Precision::kFloat32, 1)),
        packed_(network_, kernels_, Pass::kToInputs),
        tile_(network_, kernels_, T, targets, Pass::kToInputs),
        sums_(network_, kernels_) {
    Workers alone(1);
    packed_.pack(parameters, alone);
    std::fill(input().starts, input().starts + lanes(), 0);
  }
  int lanes() const { return kernels_.lanes; }
  TileInput input() { return tile_.input(); }
  double output(int o) { return double(tile_.outputs()[std::size_t(o) * lanes()]); }
  double x(int t, int i) const { return double(tile_.x()[at(t, i)]); }
  double gradient(int t, int i, int lane) const {
    return double(tile_.input_gradient()[at(t, i) + lane]);
  }

  // What the network does with input().
  Trace forward() {
    tile_.forward(packed_, nullptr, 0);
    Trace trace;
    trace.start = input().starts[0];
    for (int t = 0; t < tile_.steps(); ++t)
      for (int i = 0; i < network_.inputs; ++i) trace.x.push_back(tile_.x()[at(t, i)]);
    for (int layer = 0; layer < int(network_.layers.size()); ++layer)
      trace.layers.push_back(layer_trace(layer));
    return trace;
  }

  // take(place, lane) for each of the wanted outputs, with its gradient in that lane.
  template <class Take>
  void backward(const std::vector<int>& wanted, Interrupt& interrupt, Take take) {
    const std::size_t L = lanes(), size = std::size_t(network_.outputs_at(tile_.steps())) * L;
    for (std::size_t first = 0; first < wanted.size() && !interrupt.requested(0); first += L) {
      const std::size_t n = std::min(L, wanted.size() - first);
      std::fill(tile_.output_gradient(), tile_.output_gradient() + size, 0.0f);
      for (std::size_t lane = 0; lane < n; ++lane)
        tile_.output_gradient()[std::size_t(wanted[first + lane]) * L + lane] = 1.0f;
      sums_.clear();
      tile_.backward(packed_, nullptr, 0, sums_);
      for (std::size_t lane = 0; lane < n; ++lane) take(first + lane, int(lane));
    }
  }

 private:
  std::size_t at(int t, int i) const {
    return (std::size_t(t) * network_.inputs + i) * kernels_.lanes;
  }

  LayerTrace layer_trace(int layer) {
    const std::size_t T = std::size_t(tile_.steps()), H = std::size_t(network_.layers[layer].units);
    LayerTrace trace;
    for (auto* part :
         {&trace.input, &trace.forget, &trace.candidate, &trace.output, &trace.cell, &trace.hidden})
      part->resize(T * H);
    for (std::size_t t = 0; t < T; ++t)
      tile_.read_step(layer, int(t), 0,
                      {&trace.input[t * H], &trace.forget[t * H], &trace.candidate[t * H],
                       &trace.output[t * H], &trace.cell[t * H], &trace.hidden[t * H]});
    return trace;
  }

  const Network& network_;
  const TileKernels& kernels_;
  PackedWeights packed_;
  Tile tile_;
  GradientSums sums_;
};

// From slopes at the network's inputs to slopes by the values of a context.
class ContextTracer {
 public:
  ContextTracer(const Network& network, const float* parameters, const Windowing& windowing,
                const Origins& origins)
      : network_(network),
        windowing_(windowing),
        context_(context_of(origins, windowing.context_length)),
        reader_(windowing, origins.covariates, false),
        spread_(origins.covariates.spread ? origins.covariates.spread[0] : 0.0),
        tile_(network, parameters, windowing.time_steps(), windowing.output_steps()) {}

  Trace run(const std::vector<int>& wanted, Interrupt& interrupt) {
    std::vector<double> filled;
    const int L = tile_.lanes(), Q = network_.outputs / windowing_.output_steps();
    for (int lane = 1; lane < L; ++lane) reader_.read(context_, lane, L, tile_.input(), filled);
    const WindowScale scale = reader_.read(context_, 0, L, tile_.input(), filled);
    Trace trace = tile_.forward();
    trace.length = context_.length;
    for (int o = 0; o < windowing_.horizon * Q; ++o)
      trace.outputs.push_back(scale.from_network(tile_.output(o), o / Q));
    trace.slopes.resize(wanted.size() * context_.length);
    trace.by_spread.resize(wanted.size());
    tile_.backward(wanted, interrupt, [&](std::size_t place, int lane) {
      const int o = wanted[place];
      trace.by_spread[place] = slopes(scale, lane, o / Q, tile_.output(o),
                                      trace.slopes.data() + place * context_.length);
    });
    return trace;
  }

 private:
  // Writes how output k changes with each value of the context, from the gradient at the network's
  // inputs in a lane; returns how it changes with the series' spread. With x = (y - location) /
  // scale and forecast = anchor + scale * output.
  double slopes(const WindowScale& scale, int lane, int k, double output, double* to) const {
    const int n = context_.length, P = windowing_.patch_size;
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
    double by_width = 0;
    for (int t = padding / P; t < windowing_.time_steps(); ++t) {
      for (int p = 0; p < P; ++p) {
        const int at = t * P - padding + p;
        if (at < 0) continue;
        const double slope = tile_.gradient(t, p, lane);
        if (at < n)
          to[at] += slope;
        else
          anchored(at - n, slope);
        by_location -= slope;
        by_scale -= slope * tile_.x(t, p);
      }
      if (reader_.reads_width()) by_width += tile_.gradient(t, P * (1 + windowing_.mask), lane);
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

  const Network& network_;
  const Windowing& windowing_;
  Context context_;
  WindowReader reader_;
  double spread_;
  TracedTile tile_;
};

Network in_float32(Network network) {
  network.precision = Precision::kFloat32;
  return network;
}

}  // namespace

Trace trace(const Network& network, const float* parameters, const Windowing& windowing,
            const Origins& origins, const std::vector<int>& wanted, Interrupt& interrupt) {
  FlushDenormals flush;
  const Network same = in_float32(network);
  return ContextTracer(same, parameters, windowing, origins).run(wanted, interrupt);
}

Trace trace_hybrid(const Network& network, const float* parameters, const Hybrid& hybrid,
                   const HybridSeries& series, const double* series_parameters,
                   const std::vector<int>& wanted, Interrupt& interrupt) {
  FlushDenormals flush;
  const Network same = in_float32(network);
  // Nothing is learnt here.
  const HybridWindows windows(hybrid, series, const_cast<double*>(series_parameters), true);
  const auto [first, count] = windows.positions(0);
  const int T = int(count), C = hybrid.context_length, O = network.head_outputs();
  const int Q = O / hybrid.horizon;
  TracedTile tile(same, parameters, T, windows.targets(T));
  const std::vector<std::uint32_t> ids(tile.lanes(), 0u);
  windows.gather(ids.data(), tile.lanes(), tile.lanes(), tile.input());
  Trace trace = tile.forward();
  const std::int64_t n = series.indptr[1], newest = n - 1;
  trace.length = int(n);
  Smoothed smoothed;
  smoothed.run(hybrid, series_parameters, series.values, n);
  const int before = (T - 1) * O;  // outputs of earlier positions
  for (int o = 0; o < O; ++o)
    trace.outputs.push_back(tile.output(before + o) + smoothed.level[newest] +
                            smoothed.ahead(hybrid, newest, o / Q + 1));
  trace.slopes.resize(wanted.size() * n);
  trace.by_spread.resize(wanted.size());
  std::vector<int> at_newest;
  for (int o : wanted) at_newest.push_back(before + o);
  SmoothedGradient back;
  std::vector<double> by_parameter(hybrid.parameters());
  tile.backward(at_newest, interrupt, [&](std::size_t place, int lane) {
    back.clear(hybrid, n);
    for (int j = 0; j < T; ++j)
      for (int k = 0; k < C; ++k)
        if (const std::int64_t t = first + j, at = t - C + 1 + k; at >= 0) {
          const double slope = tile.gradient(j, k, lane);
          back.z[at] += slope;
          back.level[t] -= slope;
        }
    back.add_target(hybrid, newest, wanted[place] / Q + 1, -1.0);
    back.back(hybrid, series_parameters, series.values, smoothed, by_parameter.data(),
              trace.slopes.data() + place * n);
  });
  return trace;
}

}  // namespace gatecast
