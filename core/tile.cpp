#include "tile.hpp"

#include <algorithm>
#include <cstring>

#include "dispatch.hpp"
#include "random.hpp"

namespace gatecast {
namespace {

// How many steps' deltas are kept before they go into the weights' gradient together: that sum is
// then read and written once for all of them. As many as leave room for it in the second-level
// cache.
int chunk_steps(const Network& network, int lanes) {
  constexpr int kMost = 8;
  constexpr std::size_t kBytes = 512 << 10;
  std::size_t a_step = 0;
  for (const Network::Layer& layer : network.layers)
    a_step += std::size_t(4) * layer.units * lanes * sizeof(float);
  return int(std::clamp<std::size_t>(kBytes / a_step, 1, kMost));
}

// Sets up the hardware for a tile's kernels, on this thread, while it lives.
class Entered {
 public:
  explicit Entered(const TileKernels& kernels) : kernels_(kernels) {
    if (kernels_.enter) kernels_.enter();
  }
  ~Entered() {
    if (kernels_.leave) kernels_.leave();
  }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;

 private:
  const TileKernels& kernels_;
};

}  // namespace

PackedWeights::PackedWeights(const Network& network, const TileKernels& kernels, bool backward)
    : network_(network), kernels_(kernels), backward_(backward) {
  for (const Network::Layer& layer : network.layers) {
    const LayerSizes sizes = kernels.sizes(layer);
    layers_.push_back({Floats(sizes.forward), Floats(backward ? sizes.backward_hh : 0),
                       Floats(backward && !layers_.empty() ? sizes.backward_ih : 0)});
  }
}

void PackedWeights::pack(const float* parameters, Workers& workers) {
  head_weight_ = parameters + network_.head_weight;
  head_bias_ = parameters + network_.head_bias;
  const int n = workers.parts(2 * network_.size);
  workers.run(n, [&](int index, int) {
    const Part part{index, n};
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      const Network::Layer& layer = network_.layers[l];
      Layer& packed = layers_[l];
      const float *w_ih = parameters + layer.weight_ih, *w_hh = parameters + layer.weight_hh;
      kernels_.pack_forward(layer, part, w_ih, w_hh, parameters + layer.bias,
                            packed.forward.data());
      if (!backward_) continue;
      kernels_.pack_backward(layer.units, layer.units, part, w_hh, packed.backward_hh.data());
      if (l > 0)
        kernels_.pack_backward(layer.units, layer.inputs, part, w_ih, packed.backward_ih.data());
    }
  });
}

GradientSums::GradientSums(const Network& network, const TileKernels& kernels)
    : network_(network), kernels_(kernels) {
  const auto visit = [&](auto take) {
    layers_.clear();
    for (const Network::Layer& layer : network.layers) {
      const LayerSizes sizes = kernels.sizes(layer);
      LayerSums sums;
      sums.weight = take(sizes.sum_rows * sizes.weight_row);
      sums.narrow = take(sizes.sum_rows * sizes.narrow_row);
      sums.bias = take(sizes.sum_rows * sizes.bias_row);
      layers_.push_back(sums);
    }
    head_weight_ = take(std::size_t(network.head_outputs()) * network.layers.back().units);
    head_bias_ = take(network.head_outputs());
  };
  std::size_t total = 0;
  visit([&](std::size_t n) {
    total += round_up(n, 16);
    return static_cast<float*>(nullptr);
  });
  sums_ = Floats(total);
  float* next = sums_.data();
  visit([&](std::size_t n) {
    float* mine = next;
    next += round_up(n, 16);
    return mine;
  });
}

void GradientSums::reduce(std::vector<GradientSums>& all, int n, float* gradient,
                          Workers& workers) {
  GradientSums& first = all[0];
  const Network& network = first.network_;
  const int n_parts = workers.parts(n * network.size);
  workers.run(n_parts, [&](int index, int) {
    const Part part{index, n_parts};
    for (std::size_t l = 0; l < network.layers.size(); ++l) {
      const Network::Layer& layer = network.layers[l];
      const LayerSizes sizes = first.kernels_.sizes(layer);
      const std::size_t row = 4 * part.begin(layer.units), rows = 4 * part.end(layer.units) - row;
      const auto add = [&](float* LayerSums::* sum, std::size_t width) {
        for (int g = 1; g < n; ++g)
          kernels().add(rows * width, all[g].layers_[l].*sum + row * width,
                        first.layers_[l].*sum + row * width);
      };
      add(&LayerSums::weight, sizes.weight_row);
      add(&LayerSums::narrow, sizes.narrow_row);
      add(&LayerSums::bias, sizes.bias_row);
      first.kernels_.lstm_reduce(layer, part, first.layers_[l], gradient + layer.weight_ih,
                                 gradient + layer.weight_hh, gradient + layer.bias);
    }
  });
  const std::size_t O = network.head_outputs(), H = network.layers.back().units;
  const auto add_head = [&](float* GradientSums::* sum, std::size_t size, float* out) {
    std::memcpy(out, first.*sum, size * sizeof(float));
    for (int g = 1; g < n; ++g)
      for (std::size_t j = 0; j < size; ++j) out[j] += (all[g].*sum)[j];
  };
  add_head(&GradientSums::head_weight_, O * H, gradient + network.head_weight);
  add_head(&GradientSums::head_bias_, O, gradient + network.head_bias);
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
      chunk_(chunk_steps(network, kernels.lanes)),
      training_(training),
      x_(std::size_t(T) * network.inputs * kernels.lanes),
      targets_(std::size_t(horizon) * kernels.lanes),
      weights_(std::size_t(horizon) * kernels.lanes),
      outputs_(std::size_t(network.outputs) * kernels.lanes),
      output_gradient_(training ? std::size_t(network.outputs) * kernels.lanes : 0),
      starts_(kernels.lanes, 0) {
  const std::size_t L = kernels.lanes;
  const std::size_t kept = training ? T : 1;
  std::size_t scratch = 0;
  int widest = 0;
  for (std::size_t l = 0; l < network.layers.size(); ++l) {
    const LayerShape shape = network.layers[l];
    // Products may write gradients in whole blocks of 16 rows.
    const std::size_t rows = round_up(shape.units, 16) * L;
    const bool drops = training && network.dropout > 0 && l > 0;
    const bool converts = kernels.to_words && l == 0 && !shape.narrow();
    Layer layer;
    layer.sizes = kernels.sizes(shape);
    layer.states = Floats((kept + 1) * layer.sizes.state);
    layer.h = Floats(kernels.to_words ? shape.units * L : 0);
    layer.c = Floats(shape.units * L);
    layer.inputs = Floats(drops || converts ? kept * layer.sizes.input : 0);
    if (training) {
      layer.saved = Floats(T * layer.sizes.saved);
      layer.deltas = Floats(chunk_ * layer.sizes.delta);
      layer.dh = Floats(rows);
      layer.dc = Floats(shape.units * L);
    }
    scratch = std::max(scratch, chunk_ * layer.sizes.scratch);
    widest = std::max(widest, shape.units);
    layers_.push_back(std::move(layer));
  }
  if (training) scratch_ = Floats(scratch);
  if (training && network.head_steps > 1) {
    const std::size_t state = network.layers.back().units * L;
    head_gradient_ = Floats(state);
    head_inputs_ = Floats(kernels.to_words ? network.head_steps * state : 0);
  }
  if (training && network.dropout > 0) masked_ = Floats(round_up(widest, 16) * L);
}

float* Tile::head_input(int t) {
  const int top = int(network_.layers.size()) - 1;
  if (head_inputs_.size() == 0) return h(top, t);
  return head_inputs_.data() +
         std::size_t(head_step(t)) * network_.layers[top].units * kernels_.lanes;
}

const float* Tile::input(int layer, int t, bool dropped) {
  if (layer > 0 && !dropped) return state(layer - 1, t);
  const Layer& mine = layers_[layer];
  const float* all = mine.inputs.size() > 0 ? mine.inputs.data() : x_.data();
  return all + (training_ || mine.inputs.size() == 0 ? t : 0) * mine.sizes.input;
}

void Tile::write_input(int layer, int t, const Dropout* dropout, std::uint32_t first) {
  const bool drops = layer > 0 && dropout;
  if (layers_[layer].inputs.size() == 0 || (layer > 0 && !drops)) return;
  const int I = network_.layers[layer].inputs, L = kernels_.lanes;
  float* to = layers_[layer].inputs.data() + (training_ ? t : 0) * layers_[layer].sizes.input;
  const float* rows = x_.data() + std::size_t(t) * I * L;
  if (drops) {
    const Dropout::Mask mask(*dropout, layer - 1, T_, I, network_.dropout);
    const float* from = h(layer - 1, t);
    float* out = kernels_.to_words ? masked_.data() : to;
    for (int u = 0; u < I; ++u)
      for (int lane = 0; lane < L; ++lane)
        out[u * L + lane] = from[u * L + lane] * mask(first + lane, t, u);
    rows = out;
  }
  if (kernels_.to_words) kernels_.to_words(I, rows, to);
}

void Tile::begin_lanes(int t, float* rows, std::size_t n_rows) const {
  for (int lane = 0; lane < kernels_.lanes; ++lane)
    if (starts_[lane] == t)
      for (std::size_t row = 0; row < n_rows; ++row) rows[row * kernels_.lanes + lane] = 0.0f;
}

void Tile::forward(const PackedWeights& weights, const Dropout* dropout, std::uint32_t first) {
  const Entered entered(kernels_);
  const int n_layers = int(network_.layers.size()), L = kernels_.lanes;
  const int last_start = *std::max_element(starts_.begin(), starts_.end());
  for (int l = 0; l < n_layers; ++l) {
    layers_[l].c.clear();
    std::memset(state(l, -1), 0, layers_[l].sizes.state * sizeof(float));
  }
  const int H = network_.layers.back().units;
  for (int t = 0; t < T_; ++t) {
    for (int l = 0; l < n_layers; ++l) {
      const LayerShape shape = network_.layers[l];
      Layer& layer = layers_[l];
      if (t > 0 && t <= last_start) {
        begin_lanes(t, layer.c.data(), shape.units);
        begin_lanes(t, state(l, t - 1), layer.sizes.state / L);
      }
      write_input(l, t, dropout, first);
      kernels_.lstm_forward(shape, weights.layers_[l].forward.data(), input(l, t, dropout),
                            state(l, t - 1), layer.c.data(),
                            training_ ? layer.saved.data() + t * layer.sizes.saved : nullptr,
                            state(l, t), layer.h.data());
    }
    if (head_step(t) < 0) continue;
    const float* top = h(n_layers - 1, t);
    kernels_.dense_forward(H, network_.head_outputs(), weights.head_weight_, weights.head_bias_,
                           top, outputs_.data() + head_output(t));
    if (head_inputs_.size() > 0) std::memcpy(head_input(t), top, sizeof(float) * H * L);
  }
}

void Tile::backward(const PackedWeights& weights, const Dropout* dropout, std::uint32_t first,
                    GradientSums& sums) {
  const Entered entered(kernels_);
  const int top = int(network_.layers.size()) - 1, L = kernels_.lanes;
  const int last_start = *std::max_element(starts_.begin(), starts_.end());
  for (Layer& layer : layers_) {
    layer.dh.clear();
    layer.dc.clear();
  }
  // dh [H][L] of step t's output
  const auto head_backward = [&](int t, float* dh) {
    kernels_.dense_backward(network_.layers[top].units, network_.head_outputs(),
                            weights.head_weight_, output_gradient_.data() + head_output(t),
                            head_input(t), dh, sums.head_weight_, sums.head_bias_);
  };
  head_backward(T_ - 1, layers_[top].dh.data());
  for (int t = T_ - 1; t >= 0; --t) {
    if (t < T_ - 1 && head_step(t) >= 0) {
      head_backward(t, head_gradient_.data());
      kernels().add(network_.layers[top].units * std::size_t(L), head_gradient_.data(),
                    layers_[top].dh.data());
    }
    for (int l = top; l >= 0; --l) {
      const LayerShape shape = network_.layers[l];
      const int H = shape.units, I = shape.inputs;
      Layer& layer = layers_[l];
      float *dh = layer.dh.data(), *dc = layer.dc.data();
      float* delta = layer.deltas.data() + t % chunk_ * layer.sizes.delta;
      kernels_.lstm_backward_gates(H, layer.saved.data() + t * layer.sizes.saved, dh, dc, delta);
      const float* w_ih = weights.layers_[l].backward_ih.data();
      if (l > 0 && !dropout) {
        kernels_.lstm_backward_input(H, I, w_ih, delta, layers_[l - 1].dh.data(), true);
      } else if (l > 0) {
        float *dx = masked_.data(), *below = layers_[l - 1].dh.data();
        kernels_.lstm_backward_input(H, I, w_ih, delta, dx, false);
        const Dropout::Mask mask(*dropout, l - 1, T_, I, network_.dropout);
        for (int u = 0; u < I; ++u)
          for (int lane = 0; lane < L; ++lane)
            below[u * L + lane] += dx[u * L + lane] * mask(first + lane, t, u);
      }
      if (t == 0) continue;
      kernels_.lstm_backward_input(H, H, weights.layers_[l].backward_hh.data(), delta, dh, false);
      if (t <= last_start) {
        begin_lanes(t, dh, H);
        begin_lanes(t, dc, H);
      }
    }
    if (t % chunk_ == 0) accumulate_weights(t, std::min(chunk_, T_ - t), dropout != nullptr, sums);
  }
}

void Tile::accumulate_weights(int first_step, int steps, bool dropped, GradientSums& sums) {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    const LayerSizes& sizes = layer.sizes;
    kernels_.lstm_backward_weights(
        network_.layers[l], steps, {layer.deltas.data(), std::ptrdiff_t(sizes.delta)},
        {input(int(l), first_step, dropped), std::ptrdiff_t(sizes.input)},
        {state(int(l), first_step - 1), std::ptrdiff_t(sizes.state)}, sums.layers_[l],
        scratch_.data());
  }
}

}  // namespace gatecast
