// The engine once more in float64: slow, obvious, and the measure of the fast one.
//
// One window at a time; a sequence that begins late is simply a shorter one.
// Letters: N windows, T steps, I inputs and H units of a layer, O outputs of the network, h targets
// of a window (the horizon), Q quantiles, d a layer's dilation. Parameters lie in one flat vector,
// as in network.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "loss.hpp"
#include "network.hpp"
#include "train.hpp"
#include "window.hpp"

namespace gatecast::oracle {

using Vector = std::vector<double>;

// Random numbers that are the same everywhere (splitmix64).
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  // In [-1, 1), exact in float32.
  float uniform() { return float(std::int32_t(next() >> 40) - (1 << 23)) / float(1 << 23); }
  int below(int n) { return int((next() >> 33) % std::uint64_t(n)); }
  template <class T>
  const T& one_of(const std::vector<T>& choices) {
    return choices[below(int(choices.size()))];
  }

 private:
  std::uint64_t state_;
};

// Windows with their targets.
struct Batch {
  int N, T, I, h;  // h targets in all, those of every step where the head reads every one
  std::vector<float> x, targets, weights;  // [N][T][I], [N][h], [N][h]
  std::vector<int> starts;                 // [N]

  ArrayWindows windows(float* input_gradient = nullptr) const {
    return {N, T, I, h, x.data(), targets.data(), weights.data(), starts.data(), input_gradient};
  }
};

// The network. Each layer keeps what its backward pass needs.

struct Step {
  Vector x, h_before, c_before;
  Vector i, f, g, o, c, h;
};
struct Trace {
  std::vector<std::vector<Step>> layers;  // [layer][step]
  std::vector<Vector> totals;             // [step]: what the head reads, the sum of all blocks
  Vector outputs;                         // [O]
};

inline double sigmoid(double z) { return 1.0 / (1.0 + std::exp(-z)); }

inline double dot(const double* a, const Vector& b) {
  double sum = 0;
  for (std::size_t k = 0; k < b.size(); ++k) sum += a[k] * b[k];
  return sum;
}

// sum += factor * row
inline void add(double factor, const double* row, std::size_t n, double* sum) {
  for (std::size_t k = 0; k < n; ++k) sum[k] += factor * row[k];
}

inline Step lstm_forward(const Network::Layer& layer, const Vector& p, Vector x, Vector h_before,
                         Vector c_before) {
  const int H = layer.units, I = layer.inputs;
  Step s{std::move(x), std::move(h_before), std::move(c_before), Vector(H), Vector(H),
         Vector(H),    Vector(H),           Vector(H),           Vector(H)};
  const auto preactivation = [&](int row) {
    return dot(p.data() + layer.weight_ih + std::size_t(row) * I, s.x) +
           dot(p.data() + layer.weight_hh + std::size_t(row) * H, s.h_before) + p[layer.bias + row];
  };
  for (int u = 0; u < H; ++u) {
    s.i[u] = sigmoid(preactivation(u));
    s.f[u] = sigmoid(preactivation(H + u));
    s.g[u] = std::tanh(preactivation(2 * H + u));
    s.o[u] = sigmoid(preactivation(3 * H + u));
    s.c[u] = s.f[u] * s.c_before[u] + s.i[u] * s.g[u];
    s.h[u] = s.o[u] * std::tanh(s.c[u]);
  }
  return s;
}

// x: [steps][I]
inline Trace forward(const Network& network, const Vector& p, const float* x, int steps) {
  Trace trace;
  trace.layers.resize(network.layers.size());
  for (int t = 0; t < steps; ++t) {
    Vector in(x + std::size_t(t) * network.inputs, x + std::size_t(t + 1) * network.inputs);
    Vector total(network.layers.back().units);
    for (std::size_t l = 0; l < network.layers.size(); ++l) {
      const Network::Layer& shape = network.layers[l];
      std::vector<Step>& layer = trace.layers[l];
      const Vector zero(shape.units);
      const int before = t - shape.dilation;
      layer.push_back(lstm_forward(shape, p, in, before < 0 ? zero : layer[before].h,
                                   before < 0 ? zero : layer[before].c));
      in = layer.back().h;
      if (!shape.ends_block) continue;
      add(1.0, in.data(), in.size(), total.data());
      in = total;
    }
    trace.totals.push_back(std::move(total));
  }
  for (int k = steps - network.head_reads(steps); k < steps; ++k) {
    const Vector& state = trace.totals[k];
    for (int o = 0; o < network.head_outputs(); ++o)
      trace.outputs.push_back(dot(p.data() + network.head_weight + o * state.size(), state) +
                              p[network.head_bias + o]);
  }
  return trace;
}

// From the gradient at the layer's outputs, dh [step][H], to those at its inputs [step][I]; the
// parameters' is added to.
inline std::vector<Vector> lstm_backward(const Network::Layer& layer, const Vector& p,
                                         const std::vector<Step>& steps, std::vector<Vector> dh,
                                         Vector& gradient) {
  const int H = layer.units, I = layer.inputs;
  const std::size_t d = layer.dilation;
  std::vector<Vector> dx(steps.size(), Vector(I)), dcs(steps.size(), Vector(H));
  Vector dz(4 * H);
  for (std::size_t t = steps.size(); t-- > 0;) {
    const Step& s = steps[t];
    Vector& dc = dcs[t];
    for (int u = 0; u < H; ++u) {
      const double squashed = std::tanh(s.c[u]);
      dc[u] += dh[t][u] * s.o[u] * (1 - squashed * squashed);
      dz[u] = dc[u] * s.g[u] * s.i[u] * (1 - s.i[u]);
      dz[H + u] = dc[u] * s.c_before[u] * s.f[u] * (1 - s.f[u]);
      dz[2 * H + u] = dc[u] * s.i[u] * (1 - s.g[u] * s.g[u]);
      dz[3 * H + u] = dh[t][u] * squashed * s.o[u] * (1 - s.o[u]);
      if (t >= d) dcs[t - d][u] += dc[u] * s.f[u];
    }
    for (int row = 0; row < 4 * H; ++row) {
      const std::size_t ih = layer.weight_ih + std::size_t(row) * I;
      const std::size_t hh = layer.weight_hh + std::size_t(row) * H;
      add(dz[row], s.x.data(), I, gradient.data() + ih);
      add(dz[row], s.h_before.data(), H, gradient.data() + hh);
      gradient[layer.bias + row] += dz[row];
      add(dz[row], p.data() + ih, I, dx[t].data());
      if (t >= d) add(dz[row], p.data() + hh, H, dh[t - d].data());
    }
  }
  return dx;
}

// From the gradient at the outputs [O] to that at x [step][I]; the parameters' is added to.
inline std::vector<Vector> backward(const Network& network, const Vector& p, const Trace& trace,
                                    const Vector& doutputs, Vector& gradient) {
  const std::size_t steps = trace.totals.size(), H = trace.totals.back().size();
  // At what is read above a layer, and at the sum of the blocks' outputs by all that read it.
  std::vector<Vector> dx(steps, Vector(H)), dtotal(steps, Vector(H));
  const std::size_t O = network.head_outputs(), first = steps - network.head_reads(int(steps));
  for (std::size_t j = 0; j < doutputs.size(); ++j) {
    const std::size_t step = first + j / O, row = network.head_weight + j % O * H;
    add(doutputs[j], trace.totals[step].data(), H, gradient.data() + row);
    add(doutputs[j], p.data() + row, H, dx[step].data());
    gradient[network.head_bias + j % O] += doutputs[j];
  }
  for (std::size_t l = network.layers.size(); l-- > 0;) {
    if (network.layers[l].ends_block) {
      for (std::size_t t = 0; t < steps; ++t) add(1.0, dx[t].data(), H, dtotal[t].data());
      dx = dtotal;
    }
    dx = lstm_backward(network.layers[l], p, trace.layers[l], std::move(dx), gradient);
  }
  return dx;
}

// Losses.

// One output against its target, error = output - target: the loss and its slope.
struct Point {
  double loss, slope;
};

inline Point evaluate(const Loss& loss, double error, int quantile) {
  const double sign = error > 0 ? 1 : error < 0 ? -1 : 0, size = std::fabs(error);
  switch (loss.kind) {
    case Loss::Kind::kMse:
      return {error * error, 2 * error};
    case Loss::Kind::kMae:
      return {size, sign};
    case Loss::Kind::kHuber:
      if (size <= loss.delta) return {0.5 * error * error, error};
      return {loss.delta * (size - 0.5 * loss.delta), loss.delta * sign};
    case Loss::Kind::kPinball: {
      const double q = loss.quantiles[quantile], slope = error > 0 ? 1 - q : error < 0 ? -q : 0;
      return {slope * error, slope};
    }
  }
  return {};
}

inline Trace forward(const Network& network, const Vector& p, const Batch& batch, int window) {
  const int start = batch.starts[window];
  return forward(network, p, batch.x.data() + (std::size_t(window) * batch.T + start) * batch.I,
                 batch.T - start);
}

struct Gradients {
  double loss = 0;
  Vector outputs;   // [N][O], but none of steps before a sequence's begin, which mean nothing
  Vector gradient;  // [network.size]
  Vector inputs;    // [N][T][I]
};

// The loss averaged over all targets that count.
inline Gradients gradients(const Network& network, const Loss& loss, const Batch& batch,
                           const Vector& p) {
  const int Q = loss.outputs_per_target();
  double total = 0;
  for (float w : batch.weights) total += w;
  Gradients result;
  result.gradient.resize(network.size);
  for (int n = 0; n < batch.N; ++n) {
    const Trace trace = forward(network, p, batch, n);
    const int O = int(trace.outputs.size()), before = batch.h * Q - O;
    result.outputs.insert(result.outputs.end(), trace.outputs.begin(), trace.outputs.end());
    Vector doutputs(O);
    for (int o = 0; o < O; ++o) {
      const int target = n * batch.h + (before + o) / Q;
      // A target that does not count may be anything, NaN too.
      if (batch.weights[target] == 0) continue;
      const double share = batch.weights[target] / (total * Q);
      const Point point = evaluate(loss, trace.outputs[o] - batch.targets[target], o % Q);
      result.loss += share * point.loss;
      doutputs[o] = share * point.slope;
    }
    result.inputs.resize(result.inputs.size() + std::size_t(batch.starts[n]) * batch.I);
    for (const Vector& dx : backward(network, p, trace, doutputs, result.gradient))
      result.inputs.insert(result.inputs.end(), dx.begin(), dx.end());
  }
  return result;
}

// Optimisers: PyTorch's formulas, with AdamW's weight decay in both.
class Optimizer {
 public:
  Optimizer(const Training& training, std::size_t n) : training_(training), mean_(n), square_(n) {}

  void step(const Vector& gradient, Vector& p) {
    double norm = 0, scale = 1;
    for (double g : gradient) norm += g * g;
    if (training_.clip_norm > 0)
      scale = std::min(1.0, training_.clip_norm / (std::sqrt(norm) + 1e-6));
    const bool adam = training_.optimizer == Training::Optimizer::kAdam;
    const double rate = training_.learning_rate, keep = adam ? 0.999 : 0.9;
    ++t_;
    for (std::size_t j = 0; j < p.size(); ++j) {
      const double g = gradient[j] * scale;
      p[j] *= 1 - rate * training_.weight_decay;
      square_[j] = keep * square_[j] + (1 - keep) * g * g;
      if (adam) {
        mean_[j] = 0.9 * mean_[j] + 0.1 * g;
        const double root = std::sqrt(square_[j] / (1 - std::pow(0.999, t_)));
        p[j] -= rate * mean_[j] / (1 - std::pow(0.9, t_)) / (root + 1e-8);
      } else {
        p[j] -= rate * g / (std::sqrt(square_[j]) + 1e-7);
      }
    }
  }

 private:
  const Training& training_;
  Vector mean_, square_;
  int t_ = 0;
};

// Problems to try the engine on. All numbers are exact in float32.

// As wide as PyTorch's initial ones.
inline std::vector<float> make_parameters(const Network& network, Draws draws) {
  std::vector<float> p(network.size);
  const auto fill = [&](std::size_t from, std::size_t to, int units) {
    const float bound = 1.0f / std::sqrt(float(units));
    for (std::size_t j = from; j < to; ++j) p[j] = bound * draws.uniform();
  };
  for (const Network::Layer& layer : network.layers)
    fill(layer.weight_ih, layer.bias + std::size_t(4) * layer.units, layer.units);
  fill(network.head_weight, network.size, network.layers.back().units);
  return p;
}

// Inputs in [-2, 2), targets in [-0.5, 1.5): around zero, sums over windows would cancel, which
// float32 rewards with noise. What may not matter is made to: inputs before a late start are huge,
// targets that do not count are NaN. No sequence begins after one of the last `head_steps`; where
// the head reads every step, there are h targets at each, and none counts before the sequence.
inline Batch make_batch(int N, int T, int I, int h, bool late_starts, bool weighted, Draws draws,
                        int head_steps = 1) {
  const bool every = head_steps == Network::kEveryStep;
  Batch batch{N, T, I, every ? T * h : h, {}, {}, {}, {}};
  for (int n = 0; n < N; ++n) {
    const int start = late_starts ? std::max(0, int(draws.uniform() * float(T))) : 0;
    batch.starts.push_back(std::min(start, T - std::max(head_steps, 1)));
    for (int j = 0; j < T * I; ++j) {
      const float x = 2 * draws.uniform();
      batch.x.push_back(j < batch.starts[n] * I ? 1e30f : x);
    }
    for (int k = 0; k < batch.h; ++k) {
      const float y = 0.5f + draws.uniform();
      const bool last = n == 0 && k == batch.h - 1;  // one counts at least
      const bool counts =
          (!weighted || draws.uniform() > -0.4f || last) && (!every || k / h >= batch.starts[n]);
      batch.targets.push_back(counts ? y : NAN);
      batch.weights.push_back(counts);
    }
  }
  return batch;
}

// Moves targets until no error lies near a point where the loss's slope jumps: float32 could fall
// on the other side of it.
inline void away_from_kinks(const Network& network, const Loss& loss, const Vector& p,
                            Batch& batch) {
  constexpr double kMargin = 0.02;
  const int Q = loss.outputs_per_target();
  const double kink = loss.kind == Loss::Kind::kHuber ? loss.delta : 0;
  for (int n = 0; n < batch.N; ++n) {
    const Vector outputs = forward(network, p, batch, n).outputs;
    const int asked = int(outputs.size()) / Q, first = n * batch.h + batch.h - asked;
    const auto near = [&](int k) {
      return std::any_of(outputs.begin() + k * Q, outputs.begin() + (k + 1) * Q, [&](double out) {
        const double error = out - batch.targets[first + k];
        return std::fabs(std::fabs(error) - kink) < kMargin;
      });
    };
    for (int k = 0; k < asked; ++k)
      while (near(k)) batch.targets[first + k] += float(kMargin);
  }
}

}  // namespace gatecast::oracle
