// The shape of a network and where its parameters lie in one flat vector.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels.hpp"

namespace gatecast {

// One named tensor in the flat vector; `columns` is 0 for a vector.
struct Parameter {
  std::string name;
  int rows, columns;
  std::size_t offset;
};

// Stacked LSTM layers, dropout between them, and a linear head on the last layer's final state, or
// the same head on each of its last `head_steps` states, with as many outputs in all.
struct Network {
  struct Layer : LayerShape {
    std::size_t weight_ih, weight_hh, bias;  // offsets
  };

  Network(int inputs, const std::vector<int>& hidden, int outputs, float dropout,
          Precision precision = Precision::kFloat32, int head_steps = 1);

  // In the order of the flat vector; names and gate order (i, f, g, o) are PyTorch's.
  std::vector<Parameter> parameters() const;
  int head_outputs() const { return outputs / head_steps; }

  int inputs, outputs;
  float dropout;
  Precision precision;
  int head_steps;
  std::vector<Layer> layers;
  std::size_t head_weight = 0, head_bias = 0, size = 0;
};

// Initial parameters: Glorot-uniform input weights, orthogonal recurrent weights, zero biases but 1
// for the forget gates, so that memory is kept before anything is learnt; a head of
// Glorot-uniform weights times `head_scale`. Depends on the seed and the shape only.
void initialise(const Network& network, std::uint64_t seed, float head_scale, float* parameters);

}  // namespace gatecast
