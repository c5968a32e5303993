;; The two passes of resample.ts, and the lookup of normalise.ts, with the vector instructions of WebAssembly; the same sums, so the
;; same bytes. A weight has 22 fraction bits and is low + 4096 high, so that both fit into 16 bits and one instruction multiplies
;; those of two taps and adds. Sums wrap around as they do in resample.ts: the low ones begin at a half, and at the end
;; (4096 high + low) is shifted back and cut to a byte.
;; A table of an axis has, for each output pixel, an int32 byte offset and `pairs` times two words: the low halves of two taps,
;; the high halves of two taps. What a pair reads beyond its pixels has weight 0.
(module
  (memory (export "memory") 1)

  ;; Four rows at once, which share the loads of the weights. A pixel's three channels are three lanes of a vector; the fourth is the
  ;; next pixel's first and is written over by it, so `pitch` leaves room for a byte beyond a row.
  (func (export "rows")
    (param $src i32) (param $stride i32) (param $blocks i32) (param $columns i32)
    (param $table i32) (param $pairs i32) (param $out i32) (param $pitch i32)
    (local $t i32) (local $end i32) (local $last i32) (local $at i32) (local $to i32)
    (local $stride2 i32) (local $stride3 i32) (local $pitch2 i32) (local $pitch3 i32)
    (local $low v128) (local $high v128) (local $v v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $e v128) (local $f v128) (local $g v128) (local $h v128)
    (local.set $stride2 (i32.shl (local.get $stride) (i32.const 1)))
    (local.set $stride3 (i32.add (local.get $stride2) (local.get $stride)))
    (local.set $pitch2 (i32.shl (local.get $pitch) (i32.const 1)))
    (local.set $pitch3 (i32.add (local.get $pitch2) (local.get $pitch)))
    (local.set $pairs (i32.shl (local.get $pairs) (i32.const 3)))
    (local.set $last
      (i32.add (local.get $table) (i32.mul (local.get $columns) (i32.add (local.get $pairs) (i32.const 4)))))
    loop $block
      (local.set $t (local.get $table))
      (local.set $to (local.get $out))
      loop $column
        (local.set $at (i32.add (local.get $src) (i32.load (local.get $t))))
        (local.set $end (i32.add (local.tee $t (i32.add (local.get $t) (i32.const 4))) (local.get $pairs)))
        (local.set $a (v128.const i32x4 2097152 2097152 2097152 2097152))
        (local.set $b (local.get $a))
        (local.set $c (local.get $a))
        (local.set $d (local.get $a))
        (local.set $e (v128.const i32x4 0 0 0 0))
        (local.set $f (local.get $e))
        (local.set $g (local.get $e))
        (local.set $h (local.get $e))
        loop $pair
          (local.set $low (v128.load32_splat (local.get $t)))
          (local.set $high (v128.load32_splat offset=4 (local.get $t)))
          ;; r0 r1 g0 g1 b0 b1, each as 16 bits.
          (local.set $v
            (i8x16.swizzle (v128.load64_zero (local.get $at)) (v128.const i8x16 0 -1 3 -1 1 -1 4 -1 2 -1 5 -1 -1 -1 -1 -1)))
          (local.set $a (i32x4.add (local.get $a) (i32x4.dot_i16x8_s (local.get $v) (local.get $low))))
          (local.set $e (i32x4.add (local.get $e) (i32x4.dot_i16x8_s (local.get $v) (local.get $high))))
          (local.set $v
            (i8x16.swizzle (v128.load64_zero (i32.add (local.get $at) (local.get $stride)))
              (v128.const i8x16 0 -1 3 -1 1 -1 4 -1 2 -1 5 -1 -1 -1 -1 -1)))
          (local.set $b (i32x4.add (local.get $b) (i32x4.dot_i16x8_s (local.get $v) (local.get $low))))
          (local.set $f (i32x4.add (local.get $f) (i32x4.dot_i16x8_s (local.get $v) (local.get $high))))
          (local.set $v
            (i8x16.swizzle (v128.load64_zero (i32.add (local.get $at) (local.get $stride2)))
              (v128.const i8x16 0 -1 3 -1 1 -1 4 -1 2 -1 5 -1 -1 -1 -1 -1)))
          (local.set $c (i32x4.add (local.get $c) (i32x4.dot_i16x8_s (local.get $v) (local.get $low))))
          (local.set $g (i32x4.add (local.get $g) (i32x4.dot_i16x8_s (local.get $v) (local.get $high))))
          (local.set $v
            (i8x16.swizzle (v128.load64_zero (i32.add (local.get $at) (local.get $stride3)))
              (v128.const i8x16 0 -1 3 -1 1 -1 4 -1 2 -1 5 -1 -1 -1 -1 -1)))
          (local.set $d (i32x4.add (local.get $d) (i32x4.dot_i16x8_s (local.get $v) (local.get $low))))
          (local.set $h (i32x4.add (local.get $h) (i32x4.dot_i16x8_s (local.get $v) (local.get $high))))
          (local.set $at (i32.add (local.get $at) (i32.const 6)))
          (br_if $pair (i32.lt_u (local.tee $t (i32.add (local.get $t) (i32.const 8))) (local.get $end)))
        end
        (local.set $v
          (i8x16.narrow_i16x8_u
            (i16x8.narrow_i32x4_s
              (i32x4.shr_s (i32x4.add (local.get $a) (i32x4.shl (local.get $e) (i32.const 12))) (i32.const 22))
              (i32x4.shr_s (i32x4.add (local.get $b) (i32x4.shl (local.get $f) (i32.const 12))) (i32.const 22)))
            (i16x8.narrow_i32x4_s
              (i32x4.shr_s (i32x4.add (local.get $c) (i32x4.shl (local.get $g) (i32.const 12))) (i32.const 22))
              (i32x4.shr_s (i32x4.add (local.get $d) (i32x4.shl (local.get $h) (i32.const 12))) (i32.const 22)))))
        (v128.store32_lane 0 (local.get $to) (local.get $v))
        (v128.store32_lane 1 (i32.add (local.get $to) (local.get $pitch)) (local.get $v))
        (v128.store32_lane 2 (i32.add (local.get $to) (local.get $pitch2)) (local.get $v))
        (v128.store32_lane 3 (i32.add (local.get $to) (local.get $pitch3)) (local.get $v))
        (local.set $to (i32.add (local.get $to) (i32.const 3)))
        (br_if $column (i32.lt_u (local.get $t) (local.get $last)))
      end
      (local.set $src (i32.add (local.get $src) (i32.shl (local.get $stride) (i32.const 2))))
      (local.set $out (i32.add (local.get $out) (i32.shl (local.get $pitch) (i32.const 2))))
      (br_if $block (local.tee $blocks (i32.sub (local.get $blocks) (i32.const 1))))
    end)

  ;; Sixteen bytes of a row at once: `pitch`, the bytes from row to row of the source, is a multiple of sixteen. What is written beyond
  ;; the `width` bytes of a row is written over by the next row.
  (func (export "columns")
    (param $src i32) (param $pitch i32) (param $height i32) (param $table i32) (param $pairs i32) (param $out i32) (param $width i32)
    (local $t i32) (local $end i32) (local $at i32) (local $from i32) (local $to i32) (local $stop i32)
    (local $low v128) (local $high v128) (local $v v128) (local $w v128) (local $x v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $e v128) (local $f v128) (local $g v128) (local $h v128)
    (local.set $pairs (i32.shl (local.get $pairs) (i32.const 3)))
    loop $row
      (local.set $from (i32.add (local.get $src) (i32.load (local.get $table))))
      (local.set $table (i32.add (local.get $table) (i32.const 4)))
      (local.set $end (i32.add (local.get $table) (local.get $pairs)))
      (local.set $to (local.get $out))
      (local.set $stop (i32.add (local.get $out) (local.get $width)))
      loop $piece
        (local.set $at (local.get $from))
        (local.set $t (local.get $table))
        (local.set $a (v128.const i32x4 2097152 2097152 2097152 2097152))
        (local.set $b (local.get $a))
        (local.set $c (local.get $a))
        (local.set $d (local.get $a))
        (local.set $e (v128.const i32x4 0 0 0 0))
        (local.set $f (local.get $e))
        (local.set $g (local.get $e))
        (local.set $h (local.get $e))
        loop $pair
          (local.set $low (v128.load32_splat (local.get $t)))
          (local.set $high (v128.load32_splat offset=4 (local.get $t)))
          (local.set $v (v128.load (local.get $at)))
          (local.set $w (v128.load (i32.add (local.get $at) (local.get $pitch))))
          (local.set $x (i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23 (local.get $v) (local.get $w)))
          (local.set $w (i8x16.shuffle 8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31 (local.get $v) (local.get $w)))
          (local.set $v (i16x8.extend_low_i8x16_u (local.get $x)))
          (local.set $a (i32x4.add (local.get $a) (i32x4.dot_i16x8_s (local.get $v) (local.get $low))))
          (local.set $e (i32x4.add (local.get $e) (i32x4.dot_i16x8_s (local.get $v) (local.get $high))))
          (local.set $v (i16x8.extend_high_i8x16_u (local.get $x)))
          (local.set $b (i32x4.add (local.get $b) (i32x4.dot_i16x8_s (local.get $v) (local.get $low))))
          (local.set $f (i32x4.add (local.get $f) (i32x4.dot_i16x8_s (local.get $v) (local.get $high))))
          (local.set $v (i16x8.extend_low_i8x16_u (local.get $w)))
          (local.set $c (i32x4.add (local.get $c) (i32x4.dot_i16x8_s (local.get $v) (local.get $low))))
          (local.set $g (i32x4.add (local.get $g) (i32x4.dot_i16x8_s (local.get $v) (local.get $high))))
          (local.set $v (i16x8.extend_high_i8x16_u (local.get $w)))
          (local.set $d (i32x4.add (local.get $d) (i32x4.dot_i16x8_s (local.get $v) (local.get $low))))
          (local.set $h (i32x4.add (local.get $h) (i32x4.dot_i16x8_s (local.get $v) (local.get $high))))
          (local.set $at (i32.add (local.get $at) (i32.shl (local.get $pitch) (i32.const 1))))
          (br_if $pair (i32.lt_u (local.tee $t (i32.add (local.get $t) (i32.const 8))) (local.get $end)))
        end
        (v128.store (local.get $to)
          (i8x16.narrow_i16x8_u
            (i16x8.narrow_i32x4_s
              (i32x4.shr_s (i32x4.add (local.get $a) (i32x4.shl (local.get $e) (i32.const 12))) (i32.const 22))
              (i32x4.shr_s (i32x4.add (local.get $b) (i32x4.shl (local.get $f) (i32.const 12))) (i32.const 22)))
            (i16x8.narrow_i32x4_s
              (i32x4.shr_s (i32x4.add (local.get $c) (i32x4.shl (local.get $g) (i32.const 12))) (i32.const 22))
              (i32x4.shr_s (i32x4.add (local.get $d) (i32x4.shl (local.get $h) (i32.const 12))) (i32.const 22)))))
        (local.set $from (i32.add (local.get $from) (i32.const 16)))
        (br_if $piece (i32.lt_u (local.tee $to (i32.add (local.get $to) (i32.const 16))) (local.get $stop)))
      end
      (local.set $table (local.get $end))
      (local.set $out (local.get $stop))
      (br_if $row (local.tee $height (i32.sub (local.get $height) (i32.const 1))))
    end)

  ;; Bytes to float32 planes by `table`, 256 floats a channel.
  (func (export "planes")
    (param $src i32) (param $pixels i32) (param $table i32) (param $out i32)
    (local $end i32) (local $green i32) (local $blue i32)
    (local.set $green (i32.add (local.get $out) (i32.shl (local.get $pixels) (i32.const 2))))
    (local.set $blue (i32.add (local.get $green) (i32.shl (local.get $pixels) (i32.const 2))))
    (local.set $end (i32.add (local.get $src) (i32.mul (local.get $pixels) (i32.const 3))))
    loop $pixel
      (f32.store (local.get $out)
        (f32.load (i32.add (local.get $table) (i32.shl (i32.load8_u (local.get $src)) (i32.const 2)))))
      (f32.store (local.get $green)
        (f32.load offset=1024 (i32.add (local.get $table) (i32.shl (i32.load8_u offset=1 (local.get $src)) (i32.const 2)))))
      (f32.store (local.get $blue)
        (f32.load offset=2048 (i32.add (local.get $table) (i32.shl (i32.load8_u offset=2 (local.get $src)) (i32.const 2)))))
      (local.set $out (i32.add (local.get $out) (i32.const 4)))
      (local.set $green (i32.add (local.get $green) (i32.const 4)))
      (local.set $blue (i32.add (local.get $blue) (i32.const 4)))
      (br_if $pixel (i32.lt_u (local.tee $src (i32.add (local.get $src) (i32.const 3))) (local.get $end)))
    end))
