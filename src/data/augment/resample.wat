;; The two passes of resample.ts with the vector instructions of WebAssembly; the same sums, so the same bytes.
;; 22 fraction bits: a sum begins at a half, is shifted back and is cut to a byte.
(module
  (memory (export "memory") 1)

  ;; A pixel's three channels are three lanes of one vector; the fourth lane is the next pixel's first and is written over by it.
  ;; `first` and `count` are int32 by output column, `first` in bytes from the row's start; `pitch` is bytes of weights a column.
  (func (export "rows")
    (param $src i32) (param $stride i32) (param $rows i32) (param $columns i32)
    (param $first i32) (param $count i32) (param $weights i32) (param $pitch i32) (param $out i32)
    (local $x i32) (local $at i32) (local $w i32) (local $end i32) (local $sum v128)
    loop $row
      (local.set $x (i32.const 0))
      loop $column
        (local.set $at (i32.add (local.get $src) (i32.load (i32.add (local.get $first) (i32.shl (local.get $x) (i32.const 2))))))
        (local.set $w (i32.add (local.get $weights) (i32.mul (local.get $x) (local.get $pitch))))
        (local.set $end
          (i32.add (local.get $w)
            (i32.shl (i32.load (i32.add (local.get $count) (i32.shl (local.get $x) (i32.const 2)))) (i32.const 2))))
        (local.set $sum (v128.const i32x4 2097152 2097152 2097152 2097152))
        loop $tap
          (local.set $sum
            (i32x4.add (local.get $sum)
              (i32x4.mul
                (i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero (local.get $at))))
                (v128.load32_splat (local.get $w)))))
          (local.set $at (i32.add (local.get $at) (i32.const 3)))
          (br_if $tap (i32.lt_u (local.tee $w (i32.add (local.get $w) (i32.const 4))) (local.get $end)))
        end
        (local.set $sum (i32x4.shr_s (local.get $sum) (i32.const 22)))
        (local.set $sum (i16x8.narrow_i32x4_s (local.get $sum) (local.get $sum)))
        (v128.store32_lane 0 (local.get $out) (i8x16.narrow_i16x8_u (local.get $sum) (local.get $sum)))
        (local.set $out (i32.add (local.get $out) (i32.const 3)))
        (br_if $column (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 1))) (local.get $columns)))
      end
      (local.set $src (i32.add (local.get $src) (local.get $stride)))
      (br_if $row (local.tee $rows (i32.sub (local.get $rows) (i32.const 1))))
    end)

  ;; Sixteen bytes of a row at once. What is written beyond a row's end is written over by the next row.
  ;; `first` is in bytes from `src`.
  (func (export "columns")
    (param $src i32) (param $stride i32) (param $height i32)
    (param $first i32) (param $count i32) (param $weights i32) (param $pitch i32) (param $out i32)
    (local $x i32) (local $at i32) (local $w i32) (local $end i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $bytes v128) (local $half v128) (local $weight v128)
    loop $row
      (local.set $end (i32.add (local.get $weights) (i32.shl (i32.load (local.get $count)) (i32.const 2))))
      (local.set $x (i32.const 0))
      loop $block
        (local.set $at (i32.add (i32.add (local.get $src) (i32.load (local.get $first))) (local.get $x)))
        (local.set $w (local.get $weights))
        (local.set $a (v128.const i32x4 2097152 2097152 2097152 2097152))
        (local.set $b (local.get $a))
        (local.set $c (local.get $a))
        (local.set $d (local.get $a))
        loop $tap
          (local.set $weight (v128.load32_splat (local.get $w)))
          (local.set $bytes (v128.load (local.get $at)))
          (local.set $half (i16x8.extend_low_i8x16_u (local.get $bytes)))
          (local.set $a (i32x4.add (local.get $a) (i32x4.mul (i32x4.extend_low_i16x8_u (local.get $half)) (local.get $weight))))
          (local.set $b (i32x4.add (local.get $b) (i32x4.mul (i32x4.extend_high_i16x8_u (local.get $half)) (local.get $weight))))
          (local.set $half (i16x8.extend_high_i8x16_u (local.get $bytes)))
          (local.set $c (i32x4.add (local.get $c) (i32x4.mul (i32x4.extend_low_i16x8_u (local.get $half)) (local.get $weight))))
          (local.set $d (i32x4.add (local.get $d) (i32x4.mul (i32x4.extend_high_i16x8_u (local.get $half)) (local.get $weight))))
          (local.set $at (i32.add (local.get $at) (local.get $stride)))
          (br_if $tap (i32.lt_u (local.tee $w (i32.add (local.get $w) (i32.const 4))) (local.get $end)))
        end
        (v128.store (i32.add (local.get $out) (local.get $x))
          (i8x16.narrow_i16x8_u
            (i16x8.narrow_i32x4_s (i32x4.shr_s (local.get $a) (i32.const 22)) (i32x4.shr_s (local.get $b) (i32.const 22)))
            (i16x8.narrow_i32x4_s (i32x4.shr_s (local.get $c) (i32.const 22)) (i32x4.shr_s (local.get $d) (i32.const 22)))))
        (br_if $block (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 16))) (local.get $stride)))
      end
      (local.set $first (i32.add (local.get $first) (i32.const 4)))
      (local.set $count (i32.add (local.get $count) (i32.const 4)))
      (local.set $weights (i32.add (local.get $weights) (local.get $pitch)))
      (local.set $out (i32.add (local.get $out) (local.get $stride)))
      (br_if $row (local.tee $height (i32.sub (local.get $height) (i32.const 1))))
    end))
