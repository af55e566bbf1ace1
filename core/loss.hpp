// Losses on one tile: the value summed over its targets, and the gradient at the outputs.
#pragma once

#include <vector>

namespace gatecast {

struct Loss {
  enum class Kind { kMse, kMae, kHuber, kPinball };

  Kind kind = Kind::kMse;
  std::vector<float> quantiles;  // for the pinball loss, ascending
  float delta = 1.0f;            // where Huber's loss turns from square to line

  // How many outputs a target has.
  int outputs_per_target() const { return kind == Kind::kPinball ? int(quantiles.size()) : 1; }

  // outputs [h * Q][L], targets and weights [h][L] -> the weighted sum of losses over the tile (the
  // pinball loss averaged over quantiles); gradient [h * Q][L] where it is not null.
  double evaluate(int h, int lanes, const float* outputs, const float* targets,
                  const float* weights, float* gradient) const;
};

}  // namespace gatecast
