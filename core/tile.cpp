#include "tile.hpp"

#include <algorithm>
#include <cstring>

#include "random.hpp"

namespace gatecast {

PackedWeights::PackedWeights(const Network& network, const TileKernels& kernels, bool backward)
    : network_(network), kernels_(kernels), backward_(backward) {
  for (const Network::Layer& layer : network.layers) {
    const std::size_t H = layer.units, I = layer.inputs;
    layers_.push_back({Floats(4 * H * (1 + I + H)), Floats(backward ? 4 * H * H : 0),
                       Floats(backward && !layers_.empty() ? 4 * H * I : 0)});
  }
}

void PackedWeights::pack(const float* parameters) {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Network::Layer& layer = network_.layers[l];
    const float *w_ih = parameters + layer.weight_ih, *w_hh = parameters + layer.weight_hh;
    kernels_.pack_forward(layer, w_ih, w_hh, parameters + layer.bias, layers_[l].forward.data());
    if (!backward_) continue;
    kernels_.pack_backward(layer.units, layer.units, w_hh, layers_[l].backward_hh.data());
    if (l > 0)
      kernels_.pack_backward(layer.units, layer.inputs, w_ih, layers_[l].backward_ih.data());
  }
  head_weight_ = parameters + network_.head_weight;
  head_bias_ = parameters + network_.head_bias;
}

GradientSums::GradientSums(const Network& network, const Kernels& kernels, const TileKernels& tile)
    : network_(network), kernels_(tile) {
  const std::size_t L = tile.lanes;
  const auto visit = [&](auto take) {
    for (const Network::Layer& layer : network.layers) {
      const std::size_t rows = 4 * layer.units;
      LayerSums sums;
      sums.recurrent = take(rows * round_up(layer.units, kernels.width));
      sums.input =
          take(rows * (layer.narrow() ? layer.inputs * L : round_up(layer.inputs, kernels.width)));
      sums.bias = take(rows * L);
      layers_.push_back(sums);
    }
    head_weight_ = take(std::size_t(network.outputs) * network.layers.back().units);
    head_bias_ = take(network.outputs);
  };
  std::size_t total = 0;
  visit([&](std::size_t n) {
    total += round_up(n, 16);
    return static_cast<float*>(nullptr);
  });
  layers_.clear();
  sums_ = Floats(total);
  float* next = sums_.data();
  visit([&](std::size_t n) {
    float* mine = next;
    next += round_up(n, 16);
    return mine;
  });
}

void GradientSums::add(const GradientSums& other) {
  float* to = sums_.data();
  const float* from = other.sums_.data();
  for (std::size_t j = 0; j < sums_.size(); ++j) to[j] += from[j];
}

void GradientSums::reduce(float* gradient) const {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Network::Layer& layer = network_.layers[l];
    kernels_.lstm_reduce(layer, layers_[l], gradient + layer.weight_ih, gradient + layer.weight_hh,
                         gradient + layer.bias);
  }
  const std::size_t n = std::size_t(network_.outputs) * network_.layers.back().units;
  std::memcpy(gradient + network_.head_weight, head_weight_, n * sizeof(float));
  std::memcpy(gradient + network_.head_bias, head_bias_, network_.outputs * sizeof(float));
}

Dropout::Mask::Mask(Dropout dropout, int layer, int T, int H, float p)
    : key_(philox(dropout.seed, Purpose::kDropout, std::uint32_t(layer), dropout.step)[0]),
      threshold_(std::uint32_t(double(p) * 4294967296.0)),
      T_(T),
      H_(H),
      keep_(1.0f / (1.0f - p)) {}

float Dropout::Mask::operator()(std::uint32_t n, int t, int unit) const {
  return mix(key_, (n * T_ + std::uint32_t(t)) * H_ + std::uint32_t(unit)) < threshold_ ? 0.0f
                                                                                        : keep_;
}

Tile::Tile(const Network& network, const TileKernels& kernels, int T, int horizon, bool training)
    : network_(network),
      kernels_(kernels),
      T_(T),
      training_(training),
      x_(std::size_t(T) * network.inputs * kernels.lanes),
      targets_(std::size_t(horizon) * kernels.lanes),
      weights_(std::size_t(horizon) * kernels.lanes),
      outputs_(std::size_t(network.outputs) * kernels.lanes),
      output_gradient_(training ? std::size_t(network.outputs) * kernels.lanes : 0),
      starts_(kernels.lanes, 0) {
  const std::size_t L = kernels.lanes;
  const std::size_t steps = training ? T : 1;
  int widest = network.inputs;
  for (std::size_t l = 0; l < network.layers.size(); ++l) {
    const int H = network.layers[l].units;
    const bool drops = training && network.dropout > 0 && l > 0;
    widest = std::max(widest, H);
    gates_.emplace_back(steps * 4 * H * L);
    c_.emplace_back((steps + 1) * H * L);
    h_.emplace_back((steps + 1) * H * L);
    dropped_.emplace_back(drops ? steps * network.layers[l].inputs * L : 0);
    dh_.emplace_back(training ? H * L : 0);
    dc_.emplace_back(training ? H * L : 0);
  }
  if (training) scratch_ = Floats(round_up(widest, 16) * L);
  if (training && network.dropout > 0) dropped_gradient_ = Floats(widest * L);
}

const float* Tile::layer_input(int layer, int t, const Dropout* dropout) {
  if (layer == 0) return x_.data() + std::size_t(t) * network_.inputs * kernels_.lanes;
  if (dropout) return dropped_[layer].data() + t * state_size(layer - 1);
  return h(layer - 1, t);
}

void Tile::drop(int layer, int t, const Dropout& dropout, std::uint32_t first) {
  const int H = network_.layers[layer].inputs, L = kernels_.lanes;
  const Dropout::Mask mask(dropout, layer - 1, T_, H, network_.dropout);
  const float* from = h(layer - 1, t);
  float* to = dropped_[layer].data() + t * state_size(layer - 1);
  for (int u = 0; u < H; ++u)
    for (int lane = 0; lane < L; ++lane)
      to[u * L + lane] = from[u * L + lane] * mask(first + lane, t, u);
}

void Tile::begin_lanes(int t, float* one, float* other, int units) const {
  for (int lane = 0; lane < kernels_.lanes; ++lane)
    if (starts_[lane] == t)
      for (int u = 0; u < units; ++u)
        one[u * kernels_.lanes + lane] = other[u * kernels_.lanes + lane] = 0.0f;
}

void Tile::forward(const PackedWeights& weights, const Dropout* dropout, std::uint32_t first) {
  const int n_layers = int(network_.layers.size());
  const int last_start = *std::max_element(starts_.begin(), starts_.end());
  if (!training_)  // the two alternating states hold what the tile before left
    for (int l = 0; l < n_layers; ++l) {
      std::memset(h(l, -1), 0, state_size(l) * sizeof(float));
      std::memset(c(l, -1), 0, state_size(l) * sizeof(float));
    }
  for (int t = 0; t < T_; ++t)
    for (int l = 0; l < n_layers; ++l) {
      const Network::Layer& layer = network_.layers[l];
      if (t > 0 && t <= last_start) begin_lanes(t, h(l, t - 1), c(l, t - 1), layer.units);
      if (l > 0 && dropout) drop(l, t, *dropout, first);
      kernels_.lstm_forward(layer, weights.layers_[l].forward.data(), layer_input(l, t, dropout),
                            h(l, t - 1), c(l, t - 1), gates(l, t), c(l, t), h(l, t));
    }
  kernels_.dense_forward(network_.layers.back().units, network_.outputs, weights.head_weight_,
                         weights.head_bias_, h(n_layers - 1, T_ - 1), outputs_.data());
}

void Tile::backward(const PackedWeights& weights, const Dropout* dropout, std::uint32_t first,
                    GradientSums& sums) {
  const int n_layers = int(network_.layers.size()), top = n_layers - 1, L = kernels_.lanes;
  const int last_start = *std::max_element(starts_.begin(), starts_.end());
  for (int l = 0; l < n_layers; ++l) {
    dh_[l].clear();
    dc_[l].clear();
  }
  kernels_.dense_backward(network_.layers[top].units, network_.outputs, weights.head_weight_,
                          output_gradient_.data(), h(top, T_ - 1), dh_[top].data(),
                          sums.head_weight_, sums.head_bias_);
  for (int t = T_ - 1; t >= 0; --t)
    for (int l = top; l >= 0; --l) {
      const Network::Layer& layer = network_.layers[l];
      const int H = layer.units;
      float *delta = gates(l, t), *dh = dh_[l].data(), *dc = dc_[l].data();
      kernels_.lstm_backward_gates(H, delta, c(l, t), c(l, t - 1), dh, dc);
      kernels_.lstm_backward_weights(layer, delta, layer_input(l, t, dropout), h(l, t - 1),
                                     sums.layers_[l], scratch_.data());
      const float* w_ih = weights.layers_[l].backward_ih.data();
      if (l > 0 && !dropout) {
        kernels_.lstm_backward_input(H, layer.inputs, w_ih, delta, dh_[l - 1].data(), true);
      } else if (l > 0) {
        float *dx = dropped_gradient_.data(), *below = dh_[l - 1].data();
        kernels_.lstm_backward_input(H, layer.inputs, w_ih, delta, dx, false);
        const Dropout::Mask mask(*dropout, l - 1, T_, layer.inputs, network_.dropout);
        for (int u = 0; u < layer.inputs; ++u)
          for (int lane = 0; lane < L; ++lane)
            below[u * L + lane] += dx[u * L + lane] * mask(first + lane, t, u);
      }
      if (t == 0) continue;
      kernels_.lstm_backward_input(H, H, weights.layers_[l].backward_hh.data(), delta, dh, false);
      if (t <= last_start) begin_lanes(t, dh, dc, H);
    }
}

}  // namespace gatecast
