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

// Stacked LSTM layers, dropout between them and before the head, and a linear head on the final
// state, or the same head on each of the last `head_steps` states, with as many outputs in all.
//
// Layers may be dilated: one with dilation d goes on from its state and cell d steps before. They
// may stand in blocks: each block reads the sum of what the blocks below it put out (the first, the
// network's input), and the head reads the sum of all.
struct Network {
  struct Layer : LayerShape {
    std::size_t weight_ih, weight_hh, bias;  // offsets
    int dilation;
    bool begins_block, ends_block;
  };
  static constexpr int kEveryStep = 0;  // head_steps: as many as there are, `outputs` at each

  Network(int inputs, const std::vector<int>& hidden, int outputs, float dropout,
          Precision precision = Precision::kFloat32, int head_steps = 1,
          const std::vector<std::vector<int>>& dilations = {});

  // In the order of the flat vector; names and gate order (i, f, g, o) are PyTorch's.
  std::vector<Parameter> parameters() const;
  int head_outputs() const { return head_steps == kEveryStep ? outputs : outputs / head_steps; }
  // How many of T steps the head reads.
  int head_reads(int T) const { return head_steps == kEveryStep ? T : head_steps; }
  int outputs_at(int T) const { return head_reads(T) * head_outputs(); }
  bool dilated() const;

  int inputs, outputs;
  float dropout;
  Precision precision;
  int head_steps, n_blocks = 1;
  std::vector<Layer> layers;
  std::size_t head_weight = 0, head_bias = 0, size = 0;
};

// Initial parameters: Glorot-uniform input weights, orthogonal recurrent weights, zero biases but 1
// for the forget gates, so that memory is kept before anything is learnt; a head of
// Glorot-uniform weights times `head_scale`. Depends on the seed and the shape only.
void initialise(const Network& network, std::uint64_t seed, float head_scale, float* parameters);

}  // namespace gatecast
