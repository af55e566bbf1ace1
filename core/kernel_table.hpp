// Fills the table of kernels for the instruction set of the including file.
#pragma once

#include "dense.hpp"
#include "kernels.hpp"
#include "lstm.hpp"
#include "optimizer.hpp"
#include "series.hpp"

namespace gatecast::GATECAST_ISA {

template <class P, int NV>
constexpr TileKernels tile_kernels() {
  return {.lanes = NV * kWidth,
          .sizes = lstm_sizes<P, NV>,
          .enter = nullptr,
          .leave = nullptr,
          .pack_forward = pack_forward<P, NV>,
          .pack_backward = pack_backward<P, NV>,
          .to_words = P::kDepth == 1 ? nullptr : to_words<NV>,
          .lstm_forward = lstm_forward<P, NV>,
          .lstm_saved = lstm_saved<P, NV>,
          .lstm_backward_gates = lstm_backward_gates<P, NV>,
          .lstm_backward_input = lstm_backward_input<P, NV>,
          .lstm_backward_weights = lstm_backward_weights<P, NV>,
          .lstm_reduce = lstm_reduce<P, NV>,
          .dense_forward = dense_forward<NV>,
          .dense_backward = dense_backward<NV>};
}

constexpr Kernels kernel_table(const char* name, const char* bfloat16_by) {
  return {.name = name,
          .bfloat16_by = bfloat16_by,
          .bfloat16_pays = false,
          .width = kWidth,
          .float32 = {tile_kernels<Float32, 1>(), tile_kernels<Float32, 2>()},
          .bfloat16 = {tile_kernels<Bfloat16, 1>(), tile_kernels<Bfloat16, 2>()},
          .series = {series_packed_size, series_state_size, series_pack, series_lstm_step,
                     series_dense},
          .adam = adam,
          .rmsprop = rmsprop,
          .dot = dot,
          .subtract = subtract,
          .add = add,
          .sum_of_squares = sum_of_squares};
}

}  // namespace gatecast::GATECAST_ISA
