// One LSTM layer at one time step of one tile: forward, and its backward pass in three parts.
//
//   i = sigmoid(.)  f = sigmoid(.)  g = tanh(.)  o = sigmoid(.)     (.) = W_ih x + W_hh h' + b
//   c = f c' + i g      h = o tanh(c)                     ' marks the step before
// Included only by the kernels_*.cpp files; letters as in kernels.hpp, P and words as in gemm.hpp.
#pragma once

#include "gemm.hpp"

namespace gatecast::GATECAST_ISA {

template <int NV>
inline constexpr int kUnitBlock = kAccumulators / (4 * NV);

// Weights are packed with what the argument of each gate's activation is scaled by.
inline float gate_scale(int gate) { return gate == 2 ? kTanhScale : kSigmoidScale; }

// Words k, k + 1, ... of a row of K numbers times `scale`; zeros beyond the last.
template <class P>
inline Vec row_words(const float* row, int k, int K, float scale) {
  constexpr int kNumbers = P::kDepth * kWidth;
  float padded_row[kNumbers] = {};
  const float* from = row + P::kDepth * k;
  if (P::kDepth * k + kNumbers > K) {
    for (int j = 0; P::kDepth * k + j < K; ++j) padded_row[j] = from[j];
    from = padded_row;
  }
  if constexpr (P::kDepth == 1) return load(from) * scale;
  return pair_lanes(load(from) * scale, load(from + kWidth) * scale);
}

// R rows of K numbers -> [K words][R]; returns the end of it
template <class P, int R>
inline float* pack_rows(const float* (&rows)[R], int K, const float (&scale)[R], float* out) {
  const int n = words<P>(K);
  for (int k = 0; k < n; k += kWidth) {
    Vec block[R];
    for (int r = 0; r < R; ++r) block[r] = row_words<P>(rows[r], k, K, scale[r]);
    for (int j = 0; j < kWidth && k + j < n; ++j)
      for (int r = 0; r < R; ++r) *out++ = reinterpret_cast<const float*>(&block[r])[j];
  }
  return out;
}

template <class P>
inline int input_words(LayerShape s) {
  return s.narrow() ? s.inputs : words<P>(s.inputs);
}

// The weights' gradient is one product: over the state's units and, right behind them, the numbers
// of a wide input, so that no more than one vector of columns is not full.
template <class P>
inline int input_column(LayerShape s) {
  return words<P>(s.units) * P::kDepth;
}
template <class P>
inline int columns(LayerShape s) {
  return padded(s.narrow() ? s.units : input_column<P>(s) + s.inputs);
}

template <class P, int NV>
LayerSizes lstm_sizes(LayerShape s) {
  constexpr std::size_t L = NV * kWidth;
  const std::size_t H = s.units, I = s.inputs, rows = 4 * rounded_units<P>(s.units);
  const std::size_t state = words<P>(s.units) * L;
  const std::size_t input = input_words<P>(s) * L;
  return {.state = state,
          .input = input,
          .saved = 5 * H * L / P::Storage::kPerFloat,
          // As products over units read it, and where a word is a pair, as those over lanes do.
          .delta = rows * L,
          .scratch = L / P::kDepth * (columns<P>(s) + (s.narrow() ? I : 0)),
          .forward = 4 * H * (1 + input_words<P>(s) + words<P>(s.units)),
          .backward_hh = 4 * H / P::kDepth * H,
          .backward_ih = 4 * H / P::kDepth * I,
          .sum_rows = rows,
          .weight_row = std::size_t(columns<P>(s)),
          .narrow_row = s.narrow() ? I * L / P::kDepth : 0,
          .bias_row = L / P::kDepth};
}

// Block by block of U units: [bias; W_ih; W_hh] as [1 + I + H words][U][4].
template <class P, int NV>
void pack_forward(LayerShape s, Part part, const float* w_ih, const float* w_hh, const float* bias,
                  float* packed) {
  const int H = s.units, I = s.inputs;
  const Blocks<kUnitBlock<NV>> blocks(H);
  blocks.for_each(part.begin(blocks.count), part.end(blocks.count), [&](auto block, int unit) {
    constexpr int R = 4 * block.value;
    float* out = packed + 4 * unit * (1 + input_words<P>(s) + words<P>(H));
    const float *input[R], *recurrent[R];
    float scale[R];
    for (int r = 0; r < R; ++r) {
      const int row = r % 4 * H + unit + r / 4;
      input[r] = w_ih + row * I;
      recurrent[r] = w_hh + row * H;
      scale[r] = gate_scale(r % 4);
      *out++ = bias[row] * scale[r];
    }
    out =
        s.narrow() ? pack_rows<Float32>(input, I, scale, out) : pack_rows<P>(input, I, scale, out);
    pack_rows<P>(recurrent, H, scale, out);
  });
}

// One vector of lanes of one unit, from its scaled pre-activations to its new state h.
// saved: [5][L] of P's storage, or null; at: the vector's place in a row.
template <class P>
inline Vec activate(const Vec (&pre)[4], float* c, float* saved, int L, int at) {
  constexpr Exactness E = P::kExactness;
  const Vec i = sigmoid_scaled<E>(pre[0]), f = sigmoid_scaled<E>(pre[1]);
  const Vec g = tanh_scaled<E>(pre[2]), o = sigmoid_scaled<E>(pre[3]);
  const Vec before = load(c), cell = fma(f, before, i * g);
  store(c, cell);
  if (saved) P::Storage::put(saved, at, L, i, f, g, o, before);
  return o * tanh_scaled<E>(cell * kTanhScale);
}

template <class P, int NV>
void lstm_forward(LayerShape s, const float* packed, const float* x, const float* state_before,
                  float* c, float* saved, float* state, float* h) {
  constexpr int L = NV * kWidth;
  const int I = input_words<P>(s), H = words<P>(s.units);
  if constexpr (P::kDepth == 1) h = state;
  Blocks<kUnitBlock<NV>>(s.units).for_each([&](auto block, int unit) {
    constexpr int R = 4 * block.value;
    Vec acc[R][NV];
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
      for (int v = 0; v < NV; ++v) acc[r][v] = broadcast(packed[r]);
    packed += R;
    if (s.narrow())
      accumulate_product<Float32, R, NV>(acc, packed, x, I);
    else
      accumulate_product<P, R, NV>(acc, packed, x, I);
    packed += I * R;
    accumulate_product<P, R, NV>(acc, packed, state_before, H);
    packed += H * R;
#pragma GCC unroll 4
    for (int u = 0; u < block.value; ++u)
#pragma GCC unroll 2
      for (int v = 0; v < NV; ++v) {
        const Vec pre[4] = {acc[4 * u][v], acc[4 * u + 1][v], acc[4 * u + 2][v], acc[4 * u + 3][v]};
        const int row = (unit + u) * L + v * kWidth;
        store(h + row, activate<P>(pre, c + row, saved, L, 5 * (unit + u) * L + v * kWidth));
      }
  });
  if constexpr (P::kDepth == 2) to_words<NV>(s.units, h, state);
}

template <class P, int NV>
void lstm_saved(int units, const float* saved, float* gates) {
  constexpr int L = NV * kWidth;
  for (int u = 0; u < units; ++u)
    for (int v = 0; v < L; v += kWidth) {
      const Saved s = P::Storage::get(saved, 5 * u * L + v, L);
      const Vec all[5] = {s.i, s.f, s.g, s.o, s.before};
      for (int gate = 0; gate < 5; ++gate) store(gates + (5 * u + gate) * L + v, all[gate]);
    }
}

// Where a word is a pair, delta is kept twice: pairs of rows, [2H][L], and behind them pairs of
// lanes, [4H][L / 2].
template <class P>
inline int lane_pairs_at(int units, int L) {
  return 2 * rounded_units<P>(units) * L;
}

template <class P, int NV>
void lstm_backward_gates(int units, const float* saved, const float* dh, float* dc, float* delta) {
  constexpr int L = NV * kWidth;
  float* by_lanes = delta + lane_pairs_at<P>(units, L);
  for (int u = 0; u < units; ++u) {
    Vec d[4][NV];
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) {
      const int row = u * L + v * kWidth;
      const auto [i, f, g, o, before, f_slope] = P::Storage::get(saved, 5 * u * L + v * kWidth, L);
      const Vec squashed = tanh_scaled<P::kExactness>(fma(f, before, i * g) * kTanhScale);
      const Vec from_above = load(dh + row), through = from_above * o;
      const Vec dcell = fma(through, 1.0f - squashed * squashed, load(dc + row));
      d[0][v] = dcell * g * (i * (1.0f - i));
      d[1][v] = dcell * before * f_slope;
      d[2][v] = dcell * i * (1.0f - g * g);
      d[3][v] = through * squashed * (1.0f - o);
      store(dc + row, dcell * f);
    }
    if constexpr (P::kDepth == 1) {
#pragma GCC unroll 4
      for (int gate = 0; gate < 4; ++gate)
#pragma GCC unroll 2
        for (int v = 0; v < NV; ++v) store(delta + (4 * u + gate) * L + v * kWidth, d[gate][v]);
    } else {
#pragma GCC unroll 2
      for (int v = 0; v < NV; ++v) {
        store(delta + 2 * u * L + v * kWidth, pair_rows(d[0][v], d[1][v]));
        store(delta + (2 * u + 1) * L + v * kWidth, pair_rows(d[2][v], d[3][v]));
      }
#pragma GCC unroll 4
      for (int gate = 0; gate < 4; ++gate)
        store_lane_pairs<NV>(by_lanes + (4 * u + gate) * (L / 2), d[gate]);
    }
  }
}

// weight [4H][K] gate by gate -> blocks of K's rows over delta's order, unit by unit
template <class P, int NV>
void pack_backward(int units, int K, Part part, const float* weight, float* packed) {
  const Blocks<kRowBlock<NV>> blocks(K);
  blocks.for_each(part.begin(blocks.count), part.end(blocks.count), [&](auto block, int row) {
    float* out = packed + row * (4 * units / P::kDepth);
    for (int u = 0; u < units; ++u)
      for (int gate = 0; gate < 4; gate += P::kDepth) {
        const float* first = weight + (gate * units + u) * K + row;
        const float* second = first + units * K;
        if constexpr (P::kDepth == 1) {
          for (int r = 0; r < block.value; ++r) *out++ = first[r];
        } else {
          constexpr int R = block.value;
          float low[padded(R)] = {}, high[padded(R)] = {}, pairs[padded(R)];
          for (int r = 0; r < R; ++r) low[r] = first[r], high[r] = second[r];
          for (int r = 0; r < R; r += kWidth)
            store(pairs + r, pair_rows(load(low + r), load(high + r)));
          for (int r = 0; r < R; ++r) *out++ = pairs[r];
        }
      }
  });
}

template <class P, int NV>
void lstm_backward_input(int units, int K, const float* packed, const float* delta, float* out,
                         bool add) {
  product<P, NV>(packed, delta, 4 * units / P::kDepth, K, out, add);
}

// What needs no transposing: bias and a narrow input, summed lane (pair) by lane (pair).
// x: [I][lane words] a step
template <class P, int NV>
inline void accumulate_narrow(LayerShape s, int steps, Steps delta, Steps x, LayerSums sums) {
  constexpr int kLaneWords = NV * kWidth / P::kDepth;
  constexpr int kVector = kLaneWords < kWidth ? kLaneWords : kWidth;
  const Vec one = P::kDepth == 1 ? broadcast(1.0f) : pair_rows(broadcast(1.0f), broadcast(1.0f));
  // A row of pairs in a tile of one vector fills half of one.
  const auto get = kVector == kWidth ? load : load_half;
  const auto put = kVector == kWidth ? store : store_half;
  for (int r = 0; r < 4 * s.units; ++r)
    for (int lane = 0; lane < kLaneWords; lane += kVector) {
      float* bias = sums.bias + r * kLaneWords + lane;
      Vec total = get(bias);
      for (int step = 0; step < steps; ++step)
        total = P::dot(get(delta.at(step) + r * kLaneWords + lane), one, total);
      put(bias, total);
      if (!s.narrow()) continue;
      for (int k = 0; k < s.inputs; ++k) {
        float* sum = sums.narrow + (r * s.inputs + k) * kLaneWords + lane;
        Vec product = get(sum);
        for (int step = 0; step < steps; ++step)
          product = P::dot(get(delta.at(step) + r * kLaneWords + lane),
                           get(x.at(step) + k * kLaneWords + lane), product);
        put(sum, product);
      }
    }
}

// The operand of the outer product: states and a wide input with lanes summed over. A narrow input
// as accumulate_narrow reads it.
struct Transposed {
  Steps columns, narrow;
};
template <class P, int NV>
inline Transposed transpose_operands(LayerShape s, int steps, Steps x, Steps state_before,
                                     float* scratch) {
  constexpr int L = NV * kWidth;
  const int all = columns<P>(s), H = words<P>(s.units), I = s.narrow() ? 0 : words<P>(s.inputs);
  const std::ptrdiff_t size = L / P::kDepth * all, narrow_size = L / P::kDepth * s.inputs;
  float* narrow = scratch + steps * size;
  for (int step = 0; step < steps; ++step) {
    const float *h = state_before.at(step), *in = x.at(step);
    const auto row = [&](int word) {
      return word < H ? h + word * L : word < H + I ? in + (word - H) * L : nullptr;
    };
    transpose_tile<P, NV>(row, all, scratch + step * size);
    if constexpr (P::kDepth == 2)
      for (int k = 0; s.narrow() && k < s.inputs; ++k) {
        Vec x_row[NV];
        for (int v = 0; v < NV; ++v) x_row[v] = load(in + k * L + v * kWidth);
        store_lane_pairs<NV>(narrow + step * narrow_size + k * (L / 2), x_row);
      }
  }
  if (P::kDepth == 1) return {{scratch, size}, x};
  return {{scratch, size}, {narrow, narrow_size}};
}

template <class P, int NV>
void lstm_backward_weights(LayerShape s, int steps, Steps delta, Steps x, Steps state_before,
                           LayerSums sums, float* scratch) {
  const Transposed in = transpose_operands<P, NV>(s, steps, x, state_before, scratch);
  if constexpr (P::kDepth == 2) delta.data += lane_pairs_at<P>(s.units, NV * kWidth);
  accumulate_outer<P, NV>(steps, delta, 4 * s.units, in.columns, columns<P>(s), sums.weight);
  accumulate_narrow<P, NV>(s, steps, delta, in.narrow, sums);
}

template <int N>
inline float sum_lanes(const float* lanes) {
  float total = 0.0f;
  if constexpr (N % kWidth == 0) {
    Vec all = load(lanes);
    if constexpr (N == 2 * kWidth) all += load(lanes + kWidth);
    return sum(all);
  }
  for (int lane = 0; lane < N; ++lane) total += lanes[lane];
  return total;
}

template <class P, int NV>
void lstm_reduce(LayerShape s, Part part, LayerSums sums, float* w_ih, float* w_hh, float* bias) {
  constexpr int W = NV * kWidth / P::kDepth;
  const int H = s.units, I = s.inputs;
  for (int u = part.begin(H); u < part.end(H); ++u)
    for (int gate = 0; gate < 4; ++gate) {
      const int from = 4 * u + gate, to = gate * H + u;
      bias[to] = sum_lanes<W>(sums.bias + from * W);
      const float* row = sums.weight + from * columns<P>(s);
      __builtin_memcpy(w_hh + to * H, row, H * sizeof(float));
      if (s.narrow())
        for (int k = 0; k < I; ++k)
          w_ih[to * I + k] = sum_lanes<W>(sums.narrow + (from * I + k) * W);
      else
        __builtin_memcpy(w_ih + to * I, row + input_column<P>(s), I * sizeof(float));
    }
}

}  // namespace gatecast::GATECAST_ISA
