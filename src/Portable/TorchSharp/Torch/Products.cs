using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    // Products of several tensors.

    private static readonly Operator s_einsum = new("einsum");

    /// <summary>The sum of products that an equation such as <c>bij,bjk->bik</c> describes.</summary>
    public static Tensor einsum(string equation, params Tensor[] tensors) => s_einsum.Call(equation, Value.Tensors(tensors));

    public static Tensor chain_matmul(params Tensor[] matrices) => linalg.multi_dot(matrices);

    // Distances between the rows of two tensors.

    private static readonly Operator s_cdist = new("cdist");
    public static Tensor cdist(Tensor x1, Tensor x2, double p = 2, compute_mode compute_mode = compute_mode.use_mm_for_euclid_dist_if_necessary) =>
        p >= 0 ? s_cdist.Call(x1, x2, p, (long)compute_mode) : throw new ArgumentException($"p ({p}) must not be negative.", nameof(p));

    // Systems of equations.

    private static readonly Operator s_lu_factor_ex = new("linalg_lu_factor_ex");
    public static (Tensor A_LU, Tensor? pivots, Tensor? infos) lu(Tensor A, bool pivot = true, bool get_infos = false)
    {
        (Tensor factors, Tensor pivots, Tensor infos) = s_lu_factor_ex.Call3(A, pivot, !get_infos);
        if (get_infos) return (factors, pivots, infos);
        infos.Dispose();
        return (factors, pivots, null);
    }

    [Obsolete("torch.lu_solve is deprecated in favor of torch.linalg.lu_solve and will be removed in a future release. Use torch.linalg.lu_solve(LU, pivots, B) instead.", false)]
    public static Tensor lu_solve(Tensor b, Tensor LU_data, Tensor LU_pivots) => linalg.lu_solve(LU_data, LU_pivots, b);

    private static readonly Operator s_lu_unpack = new("lu_unpack");
    public static (Tensor P, Tensor? L, Tensor? U) lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data = true, bool unpack_pivots = true) =>
        s_lu_unpack.Call3(LU_data, LU_pivots, unpack_data, unpack_pivots);

    public static Tensor orgqr(Tensor input, Tensor tau) => linalg.householder_product(input, tau);

    public static (Tensor res, Tensor logabsdet) slogdet(Tensor A) => linalg.slogdet(A);
}
