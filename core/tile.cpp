#include "tile.hpp"

#include <algorithm>
#include <cmath>
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

PackedWeights::PackedWeights(const Network& network, const TileKernels& kernels, Pass pass)
    : network_(network), kernels_(kernels), pass_(pass) {
  for (const Network::Layer& layer : network.layers) {
    const LayerSizes sizes = kernels.sizes(layer);
    const bool hands_down = pass == Pass::kToInputs || (pass == Pass::kBackward && !layer.first);
    layers_.push_back({Floats(sizes.forward),
                       Floats(pass == Pass::kForward ? 0 : sizes.backward_hh),
                       Floats(hands_down ? sizes.backward_ih : 0)});
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
      if (pass_ == Pass::kForward) continue;
      kernels_.pack_backward(layer.units, layer.units, part, w_hh, packed.backward_hh.data());
      if (packed.backward_ih.size() > 0)
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

Tile::Tile(const Network& network, const TileKernels& kernels, int most, int targets, Pass pass)
    : network_(network),
      kernels_(kernels),
      T_(most),
      chunk_(chunk_steps(network, kernels.lanes)),
      pass_(pass),
      x_(std::size_t(most) * network.inputs * kernels.lanes),
      targets_(std::size_t(targets) * kernels.lanes),
      weights_(std::size_t(targets) * kernels.lanes),
      outputs_(std::size_t(network.head_reads(most)) * network.head_outputs() * kernels.lanes),
      output_gradient_(training() ? outputs_.size() : 0),
      starts_(kernels.lanes, 0) {
  const std::size_t L = kernels.lanes;
  const std::size_t T = training() ? most : 1;
  const bool drops = training() && network.dropout > 0;
  std::size_t scratch = 0;
  int widest = network.inputs;
  for (std::size_t l = 0; l < network.layers.size(); ++l) {
    const Network::Layer& shape = network.layers[l];
    const bool converts = kernels.to_words && l == 0 && !shape.narrow();
    const std::size_t d = shape.dilation;
    Layer layer;
    layer.sizes = kernels.sizes(shape);
    // Products may write gradients in whole blocks of 16 rows.
    layer.rows = round_up(shape.units, 16) * L;
    layer.kept = int(d + T);
    layer.states = Floats(layer.kept * layer.sizes.state);
    layer.h = Floats(kernels.to_words ? shape.units * L : 0);
    layer.c = Floats(d * shape.units * L);
    const bool writes = l == 0 ? converts : drops || (shape.begins_block && network.n_blocks > 1);
    layer.inputs = Floats(writes ? T * layer.sizes.input : 0);
    if (training()) {
      layer.saved = Floats(T * layer.sizes.saved);
      layer.deltas = Floats(chunk_ * layer.sizes.delta);
      layer.dh = Floats(d * layer.rows);
      layer.dc = Floats(d * layer.rows);
    }
    scratch = std::max(scratch, chunk_ * layer.sizes.scratch);
    widest = std::max(widest, shape.units);
    layers_.push_back(std::move(layer));
  }
  if (network.n_blocks > 1) sum_ = Floats(layers_.back().rows);
  if (!training()) return;
  scratch_ = Floats(scratch);
  head_gradient_ = Floats(layers_.back().rows);
  const int reads = network.head_reads(most);
  if (drops || network.n_blocks > 1 || (kernels.to_words && reads > 1))
    head_inputs_ = Floats(std::size_t(reads) * network.layers.back().units * L);
  if (pass == Pass::kToInputs) input_gradient_ = Floats(x_.size());
  if (drops || pass == Pass::kToInputs) below_ = Floats(round_up(widest, 16) * L);
  if (drops) masked_ = Floats(round_up(widest, 16) * L);
}

float* Tile::head_input(int t) {
  const int top = int(network_.layers.size()) - 1;
  if (head_inputs_.size() == 0) return h(top, t);
  return head_inputs_.data() +
         std::size_t(head_step(t)) * network_.layers[top].units * kernels_.lanes;
}

const float* Tile::blocks_below(int layer, int t) {
  return network_.n_blocks > 1 ? sum_.data() : h(layer - 1, t);
}

bool Tile::writes_input(int layer, bool dropped) const {
  if (layer == 0) return layers_[0].inputs.size() > 0;
  return dropped || (network_.n_blocks > 1 && network_.layers[layer].begins_block);
}

const float* Tile::input(int layer, int t, bool dropped) {
  const Layer& mine = layers_[layer];
  if (writes_input(layer, dropped))
    return mine.inputs.data() + (training() ? t : 0) * mine.sizes.input;
  return layer > 0 ? state(layer - 1, t) : x_.data() + t * mine.sizes.input;
}

void Tile::write_input(int layer, int t, const Dropout* dropout, std::uint32_t first) {
  if (!writes_input(layer, dropout != nullptr)) return;
  const int I = network_.layers[layer].inputs, L = kernels_.lanes;
  float* to = layers_[layer].inputs.data() + (training() ? t : 0) * layers_[layer].sizes.input;
  const float* rows = layer == 0                            ? x_.data() + std::size_t(t) * I * L
                      : network_.layers[layer].begins_block ? blocks_below(layer, t)
                                                            : h(layer - 1, t);
  if (layer > 0 && dropout) {
    const Dropout::Mask mask(*dropout, layer - 1, T_, I, network_.dropout);
    float* out = kernels_.to_words ? masked_.data() : to;
    for (int u = 0; u < I; ++u)
      for (int lane = 0; lane < L; ++lane)
        out[u * L + lane] = rows[u * L + lane] * mask(first + lane, t, u);
    rows = out;
  }
  if (kernels_.to_words)
    kernels_.to_words(I, rows, to);
  else if (rows != to)
    std::memcpy(to, rows, sizeof(float) * I * L);
}

void Tile::begin_lanes(int t, int d, float* rows, std::size_t n_rows) const {
  for (int lane = 0; lane < kernels_.lanes; ++lane)
    if (t - d < starts_[lane] && starts_[lane] <= t)
      for (std::size_t row = 0; row < n_rows; ++row) rows[row * kernels_.lanes + lane] = 0.0f;
}

void Tile::forward(const PackedWeights& weights, const Dropout* dropout, std::uint32_t first) {
  const Entered entered(kernels_);
  const int n_layers = int(network_.layers.size()), L = kernels_.lanes;
  const int last_start = *std::max_element(starts_.begin(), starts_.end());
  for (int l = 0; l < n_layers; ++l) {
    const int d = network_.layers[l].dilation;
    layers_[l].c.clear();
    std::memset(state(l, -d), 0, d * layers_[l].sizes.state * sizeof(float));
  }
  const std::size_t H = network_.layers.back().units;
  for (int t = 0; t < T_; ++t) {
    bool lowest = true;
    for (int l = 0; l < n_layers; ++l) {
      const Network::Layer& shape = network_.layers[l];
      const int d = shape.dilation;
      Layer& layer = layers_[l];
      if (last_start > 0 && t < last_start + d) {
        begin_lanes(t, d, cell(l, t), shape.units);
        begin_lanes(t, d, state(l, t - d), layer.sizes.state / L);
      }
      write_input(l, t, dropout, first);
      kernels_.lstm_forward(shape, weights.layers_[l].forward.data(), input(l, t, dropout),
                            state(l, t - d), cell(l, t),
                            training() ? layer.saved.data() + t * layer.sizes.saved : nullptr,
                            state(l, t), layer.h.data());
      if (network_.n_blocks == 1 || !shape.ends_block) continue;
      if (lowest)
        std::memcpy(sum_.data(), h(l, t), sizeof(float) * H * L);
      else
        kernels().add(H * L, h(l, t), sum_.data());
      lowest = false;
    }
    if (head_step(t) < 0) continue;
    const float* top = blocks_below(n_layers, t);
    if (head_inputs_.size() > 0) {
      float* read = head_input(t);
      std::memcpy(read, top, sizeof(float) * H * L);
      if (dropout) drop_head(*dropout, t, first, read);
      top = read;
    }
    kernels_.dense_forward(int(H), network_.head_outputs(), weights.head_weight_,
                           weights.head_bias_, top, outputs_.data() + head_output(t));
  }
}

void Tile::drop_head(const Dropout& dropout, int t, std::uint32_t first, float* rows) const {
  const int top = int(network_.layers.size()) - 1, H = network_.layers[top].units;
  const int L = kernels_.lanes;
  const Dropout::Mask mask(dropout, top, T_, H, network_.dropout);
  for (int u = 0; u < H; ++u)
    for (int lane = 0; lane < L; ++lane) rows[u * L + lane] *= mask(first + lane, t, u);
}

void Tile::backward(const PackedWeights& weights, const Dropout* dropout, std::uint32_t first,
                    GradientSums& sums) {
  const Entered entered(kernels_);
  const int top = int(network_.layers.size()) - 1, L = kernels_.lanes;
  const std::size_t H = network_.layers[top].units;
  const int last_start = *std::max_element(starts_.begin(), starts_.end());
  for (Layer& layer : layers_) {
    layer.dh.clear();
    layer.dc.clear();
  }
  for (int t = T_ - 1; t >= 0; --t) {
    const bool adds = network_.n_blocks > 1;
    float* const top_dh = adds ? sum_.data() : slot(layers_[top].dh, top, t);
    if (head_step(t) >= 0) {
      // Nothing but the head has reached the last step's state.
      float* dh = adds || t == T_ - 1 ? top_dh : head_gradient_.data();
      kernels_.dense_backward(int(H), network_.head_outputs(), weights.head_weight_,
                              output_gradient_.data() + head_output(t), head_input(t), dh,
                              sums.head_weight_, sums.head_bias_);
      if (dropout) drop_head(*dropout, t, first, dh);
      if (dh != top_dh) kernels().add(H * L, dh, top_dh);
    } else if (adds) {
      sum_.clear();
    }
    for (int l = top; l >= 0; --l) backward_layer(l, t, weights, dropout, first, last_start);
    if (t % chunk_ == 0) accumulate_weights(t, std::min(chunk_, T_ - t), dropout != nullptr, sums);
  }
}

void Tile::read_step(int layer, int t, int lane, StepTrace out) {
  const Layer& mine = layers_[layer];
  const int H = network_.layers[layer].units, L = kernels_.lanes;
  Floats gates(std::size_t(5) * H * L);
  kernels_.lstm_saved(H, mine.saved.data() + t * mine.sizes.saved, gates.data());
  for (int u = 0; u < H; ++u) {
    const float* unit = gates.data() + std::size_t(5) * u * L + lane;
    out.input[u] = unit[0];
    out.forget[u] = unit[L];
    out.candidate[u] = unit[2 * L];
    out.output[u] = unit[3 * L];
    out.cell[u] = unit[L] * unit[4 * L] + unit[0] * unit[2 * L];
    out.hidden[u] =
        kernels_.to_words ? unit[3 * L] * std::tanh(out.cell[u]) : state(layer, t)[u * L + lane];
  }
}

void Tile::backward_layer(int l, int t, const PackedWeights& weights, const Dropout* dropout,
                          std::uint32_t first, int last_start) {
  const Network::Layer& shape = network_.layers[l];
  const int H = shape.units, I = shape.inputs, d = shape.dilation, L = kernels_.lanes;
  Layer& layer = layers_[l];
  float *dh = slot(layer.dh, l, t), *dc = slot(layer.dc, l, t);
  if (network_.n_blocks > 1 && shape.ends_block) kernels().add(std::size_t(H) * L, sum_.data(), dh);
  float* delta = layer.deltas.data() + t % chunk_ * layer.sizes.delta;
  kernels_.lstm_backward_gates(H, layer.saved.data() + t * layer.sizes.saved, dh, dc, delta);
  const float* w_ih = weights.layers_[l].backward_ih.data();
  if (l > 0) {
    float* to = network_.n_blocks > 1 && shape.begins_block ? sum_.data()
                                                            : slot(layers_[l - 1].dh, l - 1, t);
    kernels_.lstm_backward_input(H, I, w_ih, delta, dropout ? below_.data() : to, !dropout);
    if (dropout) {
      const Dropout::Mask mask(*dropout, l - 1, T_, I, network_.dropout);
      for (int u = 0; u < I; ++u)
        for (int lane = 0; lane < L; ++lane)
          to[u * L + lane] += below_.data()[u * L + lane] * mask(first + lane, t, u);
    }
  } else if (pass_ == Pass::kToInputs) {
    kernels_.lstm_backward_input(H, I, w_ih, delta, below_.data(), false);
    std::memcpy(input_gradient_.data() + std::size_t(t) * I * L, below_.data(),
                sizeof(float) * I * L);
  }
  if (t < d) return;
  kernels_.lstm_backward_input(H, H, weights.layers_[l].backward_hh.data(), delta, dh, false);
  if (last_start > 0 && t < last_start + d) {
    begin_lanes(t, d, dh, H);
    begin_lanes(t, d, dc, H);
  }
}

void Tile::accumulate_weights(int first_step, int steps, bool dropped, GradientSums& sums) {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    const LayerSizes& sizes = layer.sizes;
    kernels_.lstm_backward_weights(
        network_.layers[l], steps, {layer.deltas.data(), std::ptrdiff_t(sizes.delta)},
        {input(int(l), first_step, dropped), std::ptrdiff_t(sizes.input)},
        {state(int(l), first_step - network_.layers[l].dilation), std::ptrdiff_t(sizes.state)},
        sums.layers_[l], scratch_.data());
  }
}

}  // namespace gatecast
