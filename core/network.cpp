#include "network.hpp"

#include <algorithm>
#include <cmath>

#include "dispatch.hpp"
#include "errors.hpp"
#include "memory.hpp"
#include "random.hpp"

namespace gatecast {
namespace {

void glorot(Random& random, int rows, int columns, double scale, float* out) {
  const double bound = scale * std::sqrt(6.0 / (rows + columns));
  for (int j = 0; j < rows * columns; ++j) out[j] = float(bound * (2.0 * random.uniform() - 1.0));
}

// Orthonormal columns [rows][columns], rows >= columns, by modified Gram-Schmidt on normal numbers.
void orthogonal(Random& random, int rows, int columns, float* out) {
  const Kernels& k = kernels();
  const std::size_t stride = round_up(rows, 16);
  Floats q(columns * stride);  // [column][row]
  for (int c = 0; c < columns; ++c)
    for (int r = 0; r < rows; ++r) {
      const double radius = std::sqrt(-2.0 * std::log(1.0 - random.uniform()));
      q.data()[c * stride + r] = float(radius * std::cos(6.283185307179586 * random.uniform()));
    }
  for (int c = 0; c < columns; ++c) {
    float* column = q.data() + c * stride;
    for (int pass = 0; pass < 2; ++pass)  // twice is enough for full precision
      for (int before = 0; before < c; ++before) {
        const float* other = q.data() + before * stride;
        k.subtract(stride, k.dot(stride, column, other), other, column);
      }
    const float norm = std::sqrt(k.dot(stride, column, column));
    for (int r = 0; r < rows; ++r) column[r] /= norm;
  }
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c) out[std::size_t(r) * columns + c] = q.data()[c * stride + r];
}

}  // namespace

Network::Network(int inputs_, const std::vector<int>& hidden, int outputs_, float dropout_,
                 Precision precision_, int head_steps_,
                 const std::vector<std::vector<int>>& dilations)
    : inputs(inputs_),
      outputs(outputs_),
      dropout(dropout_),
      precision(precision_),
      head_steps(head_steps_) {
  if (inputs < 1 || outputs < 1 || hidden.empty())
    throw ConfigError("A network needs at least one input, one layer and one output.");
  if (head_steps < 0 || (head_steps > 0 && outputs % head_steps != 0))
    throw ConfigError("A network's outputs must be as many at each step that its head reads.");
  if (!(dropout >= 0.0f && dropout < 1.0f))
    throw ConfigError("dropout must be at least 0 and below 1. Got: " + std::to_string(dropout) +
                      ".");
  std::vector<std::vector<int>> blocks = dilations;
  if (blocks.empty()) blocks.emplace_back(hidden.size(), 1);
  std::vector<int> ends;  // one beyond each block's last layer
  std::vector<int> dilation;
  for (const std::vector<int>& block : blocks) {
    dilation.insert(dilation.end(), block.begin(), block.end());
    ends.push_back(int(dilation.size()));
    if (block.empty()) throw ConfigError("A block of dilations must not be empty.");
  }
  if (dilation.size() != hidden.size())
    throw ConfigError(
        "There must be one dilation for each layer. Got: " + std::to_string(dilation.size()) +
        " for " + std::to_string(hidden.size()) + " layers.");
  n_blocks = int(blocks.size());
  int below = inputs;
  for (int units : hidden) {
    if (units < 1 || units > 8192)
      throw ConfigError("hidden_size must be from 1 to 8192. Got: " + std::to_string(units) + ".");
    const int number = int(layers.size()), d = dilation[number];
    if (d < 1 || d > 100'000)
      throw ConfigError("A dilation must be from 1 to 100,000. Got: " + std::to_string(d) + ".");
    const auto is_end = [&](int n) { return std::find(ends.begin(), ends.end(), n) != ends.end(); };
    const bool begins = number == 0 || is_end(number), ends_here = is_end(number + 1);
    Layer layer{{below, units, layers.empty()}, 0, 0, 0, d, begins, ends_here};
    if (ends_here && n_blocks > 1 && units != hidden.back())
      throw ConfigError("Blocks are added up, so the last layer of each must have the same size.");
    layer.weight_ih = size;
    layer.weight_hh = layer.weight_ih + std::size_t(4) * units * below;
    layer.bias = layer.weight_hh + std::size_t(4) * units * units;
    size = layer.bias + std::size_t(4) * units;
    layers.push_back(layer);
    below = units;
  }
  head_weight = size;
  head_bias = head_weight + std::size_t(head_outputs()) * below;
  size = head_bias + head_outputs();
  if (size >= std::size_t(1) << 31)
    throw ConfigError("A network of more than 2,147,483,647 parameters. Got: " +
                      std::to_string(size) + ". Use a smaller hidden_size or horizon.");
}

bool Network::dilated() const {
  return n_blocks > 1 ||
         std::any_of(layers.begin(), layers.end(), [](const Layer& l) { return l.dilation > 1; });
}

std::vector<Parameter> Network::parameters() const {
  std::vector<Parameter> all;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const Layer& layer = layers[l];
    const std::string prefix = "lstm." + std::to_string(l) + ".";
    all.push_back({prefix + "weight_ih", 4 * layer.units, layer.inputs, layer.weight_ih});
    all.push_back({prefix + "weight_hh", 4 * layer.units, layer.units, layer.weight_hh});
    all.push_back({prefix + "bias", 4 * layer.units, 0, layer.bias});
  }
  all.push_back({"head.weight", head_outputs(), layers.back().units, head_weight});
  all.push_back({"head.bias", head_outputs(), 0, head_bias});
  return all;
}

void initialise(const Network& network, std::uint64_t seed, float head_scale, float* parameters) {
  std::uint32_t stream = 0;
  for (const Network::Layer& layer : network.layers) {
    const int H = layer.units;
    Random input(seed, Purpose::kInitialise, stream++);
    glorot(input, 4 * H, layer.inputs, 1.0, parameters + layer.weight_ih);
    Random recurrent(seed, Purpose::kInitialise, stream++);
    orthogonal(recurrent, 4 * H, H, parameters + layer.weight_hh);
    for (int j = 0; j < 4 * H; ++j) parameters[layer.bias + j] = j >= H && j < 2 * H ? 1.0f : 0.0f;
  }
  Random head(seed, Purpose::kInitialise, stream++);
  glorot(head, network.head_outputs(), network.layers.back().units, head_scale,
         parameters + network.head_weight);
  for (int j = 0; j < network.head_outputs(); ++j) parameters[network.head_bias + j] = 0.0f;
}

}  // namespace gatecast
