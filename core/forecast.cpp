#include "forecast.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "dispatch.hpp"
#include "tile.hpp"
#include "workers.hpp"

namespace gatecast {
namespace {

// As few series as this are faster one by one than as a tile of which most lanes are empty.
constexpr std::int64_t kOneByOne = 4;

// A network over one series at a time. Always float32: there is nothing to gain from less.
class SingleSeries {
 public:
  SingleSeries(const Network& network, const float* parameters, const Windowing& windowing,
               const WindowReader& reader)
      : network_(network),
        kernels_(kernels().series),
        parameters_(parameters),
        T_(windowing.time_steps()),
        reader_(reader),
        x_(std::size_t(T_) * network.inputs),
        outputs_(network.outputs) {
    for (const Network::Layer& layer : network.layers) {
      const std::size_t state = kernels_.state_size(layer);
      layers_.push_back(
          {Floats(kernels_.packed_size(layer)), Floats(state), Floats(state), Floats(state)});
      kernels_.pack(layer, parameters + layer.weight_ih, parameters + layer.weight_hh,
                    parameters + layer.bias, layers_.back().packed.data());
    }
  }

  // take(scale, outputs) reads what comes out for a context.
  template <class Take>
  void run(Context context, Take take) {
    int start = 0;
    const WindowScale scale = reader_.read(context, 0, 1, {x_.data(), 0, 0, &start}, filled_);
    for (Layer& layer : layers_) {
      layer.h.clear();
      layer.c.clear();
    }
    const int H = network_.layers.back().units, O = network_.head_outputs();
    for (int t = start; t < T_; ++t) {
      const float* input = x_.data() + std::size_t(t) * network_.inputs;
      for (std::size_t l = 0; l < layers_.size(); ++l) {
        Layer& layer = layers_[l];
        kernels_.lstm_step(network_.layers[l], layer.packed.data(), input, layer.h.data(),
                           layer.c.data(), layer.h_next.data());
        std::swap(layer.h, layer.h_next);
        input = layer.h.data();
      }
      if (const int k = t - T_ + network_.head_steps; k >= 0)
        kernels_.dense(H, O, parameters_ + network_.head_weight, parameters_ + network_.head_bias,
                       layers_.back().h.data(), outputs_.data() + std::size_t(k) * O);
    }
    take(scale, outputs_.data());
  }

 private:
  struct Layer {
    Floats packed, h, h_next, c;
  };
  const Network& network_;
  const SeriesKernels& kernels_;
  const float* parameters_;
  int T_;
  const WindowReader& reader_;
  Floats x_, outputs_;
  std::vector<double> filled_;
  std::vector<Layer> layers_;
};

// Feeds one tile of contexts through the network: context(lane) gives each lane's, and
// take(lane, scale) reads what came out for it.
template <class ContextOf, class Take>
void run_tile(Tile& tile, const PackedWeights& packed, const WindowReader& reader, int n, int lanes,
              ContextOf context, Take take) {
  const TileInput in = tile.input();
  std::fill(in.starts, in.starts + lanes, 0);
  std::vector<WindowScale> scales;
  std::vector<std::vector<double>> filled(n);
  for (int lane = 0; lane < n; ++lane)
    scales.push_back(reader.read(context(lane), lane, lanes, in, filled[lane]));
  tile.forward(packed, nullptr, 0);
  for (int lane = 0; lane < n; ++lane) take(lane, scales[lane]);
}

// Calls task(worker, tile, packed, first, n, lanes) for every tile's worth of origins.
template <class Task>
void for_each_tile(const Network& network, const float* parameters, const Windowing& windowing,
                   const Origins& origins, int threads, Interrupt& interrupt, Task task) {
  FlushDenormals flush;
  const TileKernels& tile_kernels = kernels().tiles(network.precision, origins.size);
  const int L = tile_kernels.lanes;
  const int n_tiles = int((origins.size + L - 1) / L);
  PackedWeights packed(network, tile_kernels, Pass::kForward);
  Workers workers(std::min(threads, n_tiles));
  packed.pack(parameters, workers);
  std::vector<Tile> tiles;
  for (int worker = 0; worker < workers.threads(); ++worker)
    tiles.emplace_back(network, tile_kernels, windowing.time_steps(), windowing.output_steps(),
                       Pass::kForward);
  workers.run(n_tiles, [&](int number, int worker) {
    if (interrupt.requested(worker)) return;
    const std::int64_t first = std::int64_t(number) * L;
    task(worker, tiles[worker], packed, first, int(std::min<std::int64_t>(L, origins.size - first)),
         L);
  });
}

// A series whose forecasts become the newest values of its next context.
class Continued {
 public:
  Continued(const Origins& origins, std::int64_t n, int context_length, int steps)
      : context_length_(context_length), first_(last_values(origins, n, context_length)) {
    values_.reserve(first_.length + steps);
    values_.assign(first_.values, first_.values + first_.length);
  }
  Context context() const {
    const int length = std::min(int(values_.size()), context_length_);
    const std::int64_t gone = std::int64_t(values_.size()) - length;
    return {values_.data() + gone, length, first_.series, first_.position + gone,
            first_.row + gone};
  }
  void push_back(double y) { values_.push_back(y); }

 private:
  int context_length_;
  Context first_;
  std::vector<double> values_;
};

}  // namespace

Context last_values(const Origins& origins, std::int64_t n, int at_most) {
  const std::int64_t length = std::min<std::int64_t>(origins.end[n] - origins.begin[n], at_most);
  const std::int64_t row = origins.end[n] - length;
  return {origins.values + row, int(length), n, row - origins.begin[n], row};
}

void forecast(const Network& network, const float* parameters, const Windowing& windowing,
              const Origins& origins, int threads, Interrupt& interrupt, double* out) {
  // Of whole patches, only what lies within the horizon is asked for.
  const int Q = network.outputs / windowing.output_steps(), O = windowing.horizon * Q;
  const int C = windowing.context_length;
  const WindowReader reader(windowing, origins.covariates, false);
  if (origins.size <= kOneByOne && !network.dilated()) {
    FlushDenormals flush;
    SingleSeries single(network, parameters, windowing, reader);
    for (std::int64_t n = 0; n < origins.size && !interrupt.requested(0); ++n)
      single.run(last_values(origins, n, C), [&](const WindowScale& scale, const float* outputs) {
        for (int o = 0; o < O; ++o) out[n * O + o] = scale.from_network(outputs[o], o / Q);
      });
    return;
  }
  for_each_tile(
      network, parameters, windowing, origins, threads, interrupt,
      [&](int, Tile& tile, const PackedWeights& packed, std::int64_t first, int n, int L) {
        run_tile(
            tile, packed, reader, n, L,
            [&](int lane) { return last_values(origins, first + lane, C); },
            [&](int lane, const WindowScale& scale) {
              for (int o = 0; o < O; ++o)
                out[(first + lane) * O + o] =
                    scale.from_network(tile.outputs()[o * L + lane], o / Q);
            });
      });
}

void forecast_recursive(const Network& network, const float* parameters, const Windowing& windowing,
                        const Origins& origins, int steps, int threads, Interrupt& interrupt,
                        double* out) {
  const int C = windowing.context_length;
  const WindowReader reader(windowing, origins.covariates, false);
  if (origins.size <= kOneByOne && !network.dilated()) {
    FlushDenormals flush;
    SingleSeries single(network, parameters, windowing, reader);
    for (std::int64_t n = 0; n < origins.size; ++n) {
      Continued series(origins, n, C, steps);
      for (int step = 0; step < steps && !interrupt.requested(0); ++step)
        single.run(series.context(), [&](const WindowScale& scale, const float* outputs) {
          series.push_back(out[n * steps + step] = scale.from_network(outputs[0], 0));
        });
    }
    return;
  }
  for_each_tile(
      network, parameters, windowing, origins, threads, interrupt,
      [&](int worker, Tile& tile, const PackedWeights& packed, std::int64_t first, int n, int L) {
        std::vector<Continued> series;
        for (int lane = 0; lane < n; ++lane) series.emplace_back(origins, first + lane, C, steps);
        for (int step = 0; step < steps && !interrupt.requested(worker); ++step)
          run_tile(
              tile, packed, reader, n, L, [&](int lane) { return series[lane].context(); },
              [&](int lane, const WindowScale& scale) {
                const double y = scale.from_network(tile.outputs()[lane], 0);
                series[lane].push_back(y);
                out[(first + lane) * steps + step] = y;
              });
      });
}

}  // namespace gatecast
