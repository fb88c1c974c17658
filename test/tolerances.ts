/**
 * Every tolerance of the numerics tests, with its reason. NMSE is Σ(got − want)² / Σ want²; its
 * root is a relative error.
 */
export const tolerances = {
  /**
   * NMSE of any float32 kernel set against the float64 reference: a relative error of 1e-5, which
   * is float32's 6e-8 after batch norms have magnified it; a wrong tap, mask or channel errs by
   * 1e-2 and more.
   */
  conformanceFloat32: 1e-10,
  /**
   * NMSE of plans that store bfloat16 against the reference that rounds the same tensors: where
   * float32's error moves a number across the middle between two neighbours, it differs by 2^-8 of
   * itself, one of hundreds; a rounding that is left out, or not to nearest, errs by 2^-9 in all of
   * them, 4e-6.
   */
  conformanceBfloat16: 1e-6,
  /** NMSE of a trained network's logits between engines, all float32: a relative error of 3e-5. */
  sameAnswers: 1e-9,
  /** NMSE between two orders of summation in float64 (fused and not): a relative error of 1e-10. */
  conformanceFloat64: 1e-20,
  /** ReLU inputs keep this distance from 0, so that rounding cannot open or close one. */
  reluMargin: 1e-3,
  /**
   * ‖numeric − analytic‖ / ‖analytic‖ over the directional derivatives of a tensor: central
   * differences with steps of 2e-5 leave 1e-10 of truncation and 1e-11 of rounding, in derivatives
   * of about 1e-2.
   */
  gradient: 1e-7,
  /**
   * NMSE of one training step against torch.double: the same sums in another order, 1e-9 relative.
   */
  torchFloat64: 1e-18,
  /**
   * NMSE of float32 against float32 torch for loss, logits and running averages: 3e-5 relative,
   * both sides rounded.
   */
  torchFloat32: 1e-9,
  /**
   * NMSE of float32 gradients against torch's: either side's rounding may move some of the ReLU
   * inputs near 0 of the 64 images across it, and each flip removes or adds that pixel's whole
   * gradient.
   */
  torchFloat32Gradient: 5e-4,
  /**
   * NMSE of updated parameters in float32: a gradient's tolerance times what a step of 0.1 moves
   * them.
   */
  torchFloat32Update: 1e-7,
} as const;
