#include "forecast.hpp"

#include <algorithm>
#include <vector>

#include "dispatch.hpp"
#include "tile.hpp"
#include "workers.hpp"

namespace gatecast {
namespace {

struct Context {
  const double* values;
  int length;
};

// Feeds one tile of contexts through the network: context(lane) gives each lane's, and
// take(lane, scale) reads what came out for it.
template <class ContextOf, class Take>
void run_tile(Tile& tile, const PackedWeights& packed, const Windowing& windowing, int n, int lanes,
              ContextOf context, Take take) {
  const TileInput in = tile.input();
  const int T = windowing.context_length;
  std::fill(in.starts, in.starts + lanes, 0);
  std::vector<WindowScale> scales;
  for (int lane = 0; lane < n; ++lane) {
    const Context c = context(lane);
    scales.emplace_back(windowing, c.values, c.length);
    in.starts[lane] = place_context(scales[lane], c.values, c.length, T, lane, lanes, in.x);
  }
  tile.forward(packed, nullptr, 0);
  for (int lane = 0; lane < n; ++lane) take(lane, scales[lane]);
}

Context last_values(const Origins& origins, std::int64_t n, int at_most) {
  const std::int64_t length = std::min<std::int64_t>(origins.end[n] - origins.begin[n], at_most);
  return {origins.values + origins.end[n] - length, int(length)};
}

// Calls task(worker, tile, packed, first, n, lanes) for every tile's worth of origins.
template <class Task>
void for_each_tile(const Network& network, const float* parameters, const Windowing& windowing,
                   const Origins& origins, int threads, Interrupt& interrupt, Task task) {
  FlushDenormals flush;
  const TileKernels& tile_kernels = kernels().tiles(network.precision, origins.size);
  const int L = tile_kernels.lanes;
  const int n_tiles = int((origins.size + L - 1) / L);
  PackedWeights packed(network, tile_kernels, false);
  Workers workers(std::min(threads, n_tiles));
  packed.pack(parameters, workers);
  std::vector<Tile> tiles;
  for (int worker = 0; worker < workers.threads(); ++worker)
    tiles.emplace_back(network, tile_kernels, windowing.context_length, windowing.horizon, false);
  workers.run(n_tiles, [&](int number, int worker) {
    if (interrupt.requested(worker)) return;
    const std::int64_t first = std::int64_t(number) * L;
    task(worker, tiles[worker], packed, first, int(std::min<std::int64_t>(L, origins.size - first)),
         L);
  });
}

}  // namespace

void forecast(const Network& network, const float* parameters, const Windowing& windowing,
              const Origins& origins, int threads, Interrupt& interrupt, double* out) {
  const int O = network.outputs, Q = O / windowing.horizon;
  for_each_tile(
      network, parameters, windowing, origins, threads, interrupt,
      [&](int, Tile& tile, const PackedWeights& packed, std::int64_t first, int n, int L) {
        run_tile(
            tile, packed, windowing, n, L,
            [&](int lane) { return last_values(origins, first + lane, windowing.context_length); },
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
  for_each_tile(
      network, parameters, windowing, origins, threads, interrupt,
      [&](int worker, Tile& tile, const PackedWeights& packed, std::int64_t first, int n, int L) {
        // Each lane's values with room for the forecasts behind them.
        std::vector<std::vector<double>> values(n);
        for (int lane = 0; lane < n; ++lane) {
          const Context c = last_values(origins, first + lane, C);
          values[lane].reserve(c.length + steps);
          values[lane].assign(c.values, c.values + c.length);
        }
        for (int step = 0; step < steps && !interrupt.requested(worker); ++step)
          run_tile(
              tile, packed, windowing, n, L,
              [&](int lane) {
                const int length = std::min(int(values[lane].size()), C);
                return Context{values[lane].data() + values[lane].size() - length, length};
              },
              [&](int lane, const WindowScale& scale) {
                const double y = scale.from_network(tile.outputs()[lane], 0);
                values[lane].push_back(y);
                out[(first + lane) * steps + step] = y;
              });
      });
}

}  // namespace gatecast
