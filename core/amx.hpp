// The matrix products of an LSTM on a tile of 32 windows by AMX: bfloat16 pairs in, float32 out.
// All else is as in lstm.hpp. Included by kernels_amx.cpp only.
//
// A tile register has 16 rows of 16 words. A product C [rows][lanes] += A [rows][K] B [K][lanes]
// takes A as [16 rows][16 words of K] and B as [16 words of K][16 lanes], which is how states and
// deltas are kept anyway. Two tiles of rows and two of lanes make four sums, so that each loaded
// tile is used twice.
#pragma once

#include "kernel_table.hpp"

namespace gatecast::GATECAST_ISA {

inline constexpr int kTile = 16;  // rows, and words of a row

#if GATECAST_EMULATE_AMX
// The same, number by number, to test the code around it where there is no AMX.
inline thread_local float tile_registers[8][kTile][kTile];
inline thread_local bool tiles_configured = false;
inline void configure_tiles() { tiles_configured = true; }
inline void release_tiles() { tiles_configured = false; }
template <int T>
void tile_zero() {
  __builtin_memset(tile_registers[T], 0, sizeof tile_registers[T]);
}
template <int T>
void tile_load(const float* from, std::ptrdiff_t stride) {
  for (int row = 0; row < kTile; ++row)
    __builtin_memcpy(tile_registers[T][row], from + row * stride, sizeof tile_registers[T][row]);
}
template <int T>
void tile_store(float* to, std::ptrdiff_t stride) {
  for (int row = 0; row < kTile; ++row)
    __builtin_memcpy(to + row * stride, tile_registers[T][row], sizeof tile_registers[T][row]);
}
template <int C, int A, int B>
void tile_dot() {
  if (!tiles_configured) __builtin_trap();  // as the hardware would
  for (int row = 0; row < kTile; ++row) {
    Vec sum = load(tile_registers[C][row]);
    for (int k = 0; k < kTile; ++k)
      sum = dot_pairs(broadcast(tile_registers[A][row][k]), load(tile_registers[B][k]), sum);
    store(tile_registers[C][row], sum);
  }
}
#else
// Assembly and not the compiler's intrinsics, which take no template's number for a register.
inline void configure_tiles() {
  struct {
    std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
    std::uint16_t row_bytes[16] = {};
    std::uint8_t rows[16] = {};
  } config;
  for (int t = 0; t < 8; ++t) {
    config.row_bytes[t] = 64;
    config.rows[t] = kTile;
  }
  asm volatile("ldtilecfg %0" ::"m"(config));
}
inline void release_tiles() { asm volatile("tilerelease"); }
template <int T>
void tile_zero() {
  asm volatile("tilezero %%tmm%c0" ::"i"(T));
}
template <int T>
void tile_load(const float* from, std::ptrdiff_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride * 4), "i"(T) : "memory");
}
template <int T>
void tile_store(float* to, std::ptrdiff_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride * 4), "i"(T) : "memory");
}
template <int C, int A, int B>
void tile_dot() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(C), "i"(A), "i"(B));
}
#endif

// Bfloat16 with rows in whole tiles, eight units (two tiles of gates) at a time.
struct Tiled : Bfloat16 {
  static constexpr int kRoundUnits = 8;
};
inline constexpr int kLanes = 2 * kTile, kTileWords = kTile * kTile;

inline int tiles(int n) { return (n + kTile - 1) / kTile; }
inline int unit_blocks(int units) { return (units + 7) / 8; }
// Tiles of 32 numbers of K.
inline int depth(int K) { return tiles(words<Bfloat16>(K)); }

// Of the packed forward weights, for 8 units: the floats before the tiles, the tiles' depth, and
// all.
inline int block_head(LayerShape s) { return 32 * (1 + (s.narrow() ? s.inputs : 0)); }
inline int input_depth(LayerShape s) { return s.narrow() ? 0 : depth(s.inputs); }
inline std::ptrdiff_t block_size(LayerShape s) {
  return block_head(s) + std::ptrdiff_t(2 * kTileWords) * (input_depth(s) + depth(s.units));
}

inline LayerSizes tiled_sizes(LayerShape s) {
  const std::size_t blocks = unit_blocks(s.units);
  LayerSizes sizes = lstm_sizes<Tiled, 2>(s);
  sizes.state = std::size_t(depth(s.units)) * kTile * kLanes;
  if (!s.narrow()) sizes.input = std::size_t(depth(s.inputs)) * kTile * kLanes;
  sizes.forward = blocks * block_size(s);
  sizes.backward_hh = blocks * tiles(s.units) * kTileWords;
  sizes.backward_ih = blocks * tiles(s.inputs) * kTileWords;
  return sizes;
}

// Block by block of 8 units: bias [32], a narrow input [I][32], then for each 32 numbers of a wide
// input and of the state two tiles of 16 rows, unit by unit and gate by gate.
inline void tiled_pack_forward(LayerShape s, Part part, const float* w_ih, const float* w_hh,
                               const float* bias, float* packed) {
  const int H = s.units, I = s.inputs, blocks = unit_blocks(H);
  for (int block = part.begin(blocks); block < part.end(blocks); ++block) {
    float* out = packed + block * block_size(s);
    // The place of row r of the block in a weight of the parameters, or -1 beyond the last unit.
    const auto place = [&](int r) {
      const int unit = 8 * block + r / 4;
      return unit < H ? r % 4 * H + unit : -1;
    };
    const auto column = [&](const float* weight, int k, int K) {
      for (int r = 0; r < 32; ++r)
        *out++ = place(r) < 0 ? 0.0f : weight[place(r) * K + k] * gate_scale(r % 4);
    };
    const auto pack = [&](const float* weight, int K) {
      for (int k = 0; k < words<Bfloat16>(K); k += kTile)
        for (int r = 0; r < 32; ++r, out += kTile) {
          const int row = place(r);
          store(out,
                row < 0 ? Vec{} : row_words<Bfloat16>(weight + row * K, k, K, gate_scale(r % 4)));
        }
    };
    column(bias, 0, 1);
    for (int k = 0; s.narrow() && k < I; ++k) column(w_ih, k, I);
    if (!s.narrow()) pack(w_ih, I);
    pack(w_hh, H);
  }
}

// Two tiles of rows times two of lanes: adds to the tile registers 0 ... 3.
inline void multiply_tiles(const float* a, const float* b, int depth) {
  for (int k = 0; k < depth; ++k, a += 2 * kTileWords, b += kTile * kLanes) {
    tile_load<4>(a, kTile);
    tile_load<6>(b, kLanes);
    tile_load<7>(b + kTile, kLanes);
    tile_load<5>(a + kTileWords, kTile);
    tile_dot<0, 4, 6>();
    tile_dot<1, 4, 7>();
    tile_dot<2, 5, 6>();
    tile_dot<3, 5, 7>();
  }
}

inline void tiled_forward(LayerShape s, const float* packed, const float* x,
                          const float* state_before, float* c, float* saved, float* state,
                          float* h) {
  // The products of a block go on while the one before it is activated.
  alignas(64) float pre[2][32 * kLanes];
  const int blocks = unit_blocks(s.units), x_depth = input_depth(s);
  const std::ptrdiff_t size = block_size(s);
  for (int block = 0; block <= blocks; ++block) {
    if (block < blocks) {
      const float* a = packed + block * size + block_head(s);
      tile_zero<0>(), tile_zero<1>(), tile_zero<2>(), tile_zero<3>();
      multiply_tiles(a, x, x_depth);
      multiply_tiles(a + 2 * kTileWords * x_depth, state_before, depth(s.units));
      float* out = pre[block % 2];
      tile_store<0>(out, kLanes);
      tile_store<1>(out + kTile, kLanes);
      tile_store<2>(out + kTile * kLanes, kLanes);
      tile_store<3>(out + kTile * kLanes + kTile, kLanes);
    }
    if (block == 0) continue;
    const float *in = pre[(block - 1) % 2], *bias = packed + (block - 1) * size;
    const int first = 8 * (block - 1), last = first + 8 < s.units ? first + 8 : s.units;
    for (int unit = first; unit < last; ++unit, in += 4 * kLanes, bias += 4)
#pragma GCC unroll 2
      for (int v = 0; v < kLanes; v += kWidth) {
        Vec gates[4];
#pragma GCC unroll 4
        for (int gate = 0; gate < 4; ++gate)
          gates[gate] = load(in + gate * kLanes + v) + broadcast(bias[gate]);
        for (int k = 0; s.narrow() && k < s.inputs; ++k)
#pragma GCC unroll 4
          for (int gate = 0; gate < 4; ++gate)
            gates[gate] =
                fma(broadcast(bias[32 * (k + 1) + gate]), load(x + k * kLanes + v), gates[gate]);
        const int row = unit * kLanes + v;
        store(h + row, activate<Tiled>(gates, c + row, saved, kLanes, 5 * unit * kLanes + v));
      }
  }
  to_words<2>(s.units, h, state);
}

// weight [4H][K] -> block by block of 32 rows of K (the last of 16, if that will do), for each 8
// units two tiles.
inline void tiled_pack_backward(int units, int K, Part part, const float* weight, float* packed) {
  const int n_tiles = tiles(K), blocks = (n_tiles + 1) / 2;
  for (int block = part.begin(blocks); block < part.end(blocks); ++block) {
    const int first = 2 * block, last = first + 2 < n_tiles ? first + 2 : n_tiles;
    float* out = packed + std::size_t(first) * unit_blocks(units) * kTileWords;
    for (int unit = 0; unit < units; unit += 8)
      for (int tile = first; tile < last; ++tile, out += kTileWords) {
        // Word 2u is (i, f) of unit u, word 2u + 1 is (g, o); 16 rows of K at once, then
        // transposed.
        Vec columns[kTile] = {};
        for (int u = 0; u < 8 && unit + u < units; ++u) {
          Vec gates[4];
          for (int gate = 0; gate < 4; ++gate)
            gates[gate] =
                row_words<Float32>(weight + (gate * units + unit + u) * K, tile * kTile, K, 1.0f);
          columns[2 * u] = pair_rows(gates[0], gates[1]);
          columns[2 * u + 1] = pair_rows(gates[2], gates[3]);
        }
        transpose(columns);
        for (int row = 0; row < kTile; ++row) store(out + row * kTile, columns[row]);
      }
  }
}

inline void tiled_backward_input(int units, int K, const float* packed, const float* delta,
                                 float* out, bool add) {
  const int n_tiles = tiles(K), depth = unit_blocks(units);
  for (int tile = 0; tile < n_tiles; tile += 2, out += 2 * kTile * kLanes) {
    const bool both = tile + 1 < n_tiles;
    float* second = out + kTile * kLanes;
    if (add) {
      tile_load<0>(out, kLanes);
      tile_load<1>(out + kTile, kLanes);
      if (both) tile_load<2>(second, kLanes), tile_load<3>(second + kTile, kLanes);
    } else {
      tile_zero<0>(), tile_zero<1>(), tile_zero<2>(), tile_zero<3>();
    }
    if (both) {
      multiply_tiles(packed, delta, depth);
      packed += 2 * depth * kTileWords;
    } else {
      const float* b = delta;
      for (int k = 0; k < depth; ++k, packed += kTileWords, b += kTile * kLanes) {
        tile_load<4>(packed, kTile);
        tile_load<6>(b, kLanes);
        tile_load<7>(b + kTile, kLanes);
        tile_dot<0, 4, 6>();
        tile_dot<1, 4, 7>();
      }
    }
    tile_store<0>(out, kLanes);
    tile_store<1>(out + kTile, kLanes);
    if (both) tile_store<2>(second, kLanes), tile_store<3>(second + kTile, kLanes);
  }
}

// sum [R tiles of rows][padded] += over steps: delta [rows][16 words] times in [16 words][padded]
template <int R, int N>
inline void tiled_outer_block(int steps, Steps delta, Steps in, int padded, float* sum) {
  float* below = sum + kTile * padded;
  tile_load<0>(sum, padded);
  if constexpr (N == 2) tile_load<1>(sum + kTile, padded);
  if constexpr (R == 2) tile_load<2>(below, padded);
  if constexpr (R == 2 && N == 2) tile_load<3>(below + kTile, padded);
  for (int step = 0; step < steps; ++step) {
    tile_load<4>(delta.at(step), kTile);
    tile_load<6>(in.at(step), padded);
    if constexpr (N == 2) tile_load<7>(in.at(step) + kTile, padded);
    if constexpr (R == 2) tile_load<5>(delta.at(step) + kTileWords, kTile);
    tile_dot<0, 4, 6>();
    if constexpr (N == 2) tile_dot<1, 4, 7>();
    if constexpr (R == 2) tile_dot<2, 5, 6>();
    if constexpr (R == 2 && N == 2) tile_dot<3, 5, 7>();
  }
  tile_store<0>(sum, padded);
  if constexpr (N == 2) tile_store<1>(sum + kTile, padded);
  if constexpr (R == 2) tile_store<2>(below, padded);
  if constexpr (R == 2 && N == 2) tile_store<3>(below + kTile, padded);
}

inline void tiled_outer(int steps, Steps delta, int rows, Steps in, int padded, float* sum) {
  Blocks<2>(padded / kTile).for_each([&](auto columns, int column) {
    Blocks<2>(tiles(rows)).for_each([&](auto block, int row) {
      tiled_outer_block<block.value, columns.value>(steps,
                                                    {delta.data + row * kTileWords, delta.stride},
                                                    {in.data + column * kTile, in.stride}, padded,
                                                    sum + row * kTile * padded + column * kTile);
    });
  });
}

inline void tiled_backward_weights(LayerShape s, int steps, Steps delta, Steps x,
                                   Steps state_before, LayerSums sums, float* scratch) {
  const Transposed in = transpose_operands<Tiled, 2>(s, steps, x, state_before, scratch);
  delta.data += lane_pairs_at<Tiled>(s.units, kLanes);
  tiled_outer(steps, delta, 4 * s.units, in.columns, columns<Tiled>(s), sums.weight);
  accumulate_narrow<Tiled, 2>(s, steps, delta, in.narrow, sums);
}

constexpr TileKernels tiled_kernels() {
  TileKernels kernels = tile_kernels<Tiled, 2>();
  kernels.sizes = tiled_sizes;
  kernels.enter = configure_tiles;
  kernels.leave = release_tiles;
  kernels.pack_forward = tiled_pack_forward;
  kernels.pack_backward = tiled_pack_backward;
  kernels.lstm_forward = tiled_forward;
  kernels.lstm_backward_input = tiled_backward_input;
  kernels.lstm_backward_weights = tiled_backward_weights;
  return kernels;
}

}  // namespace gatecast::GATECAST_ISA
