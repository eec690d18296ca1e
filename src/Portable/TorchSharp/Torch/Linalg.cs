using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Linear algebra on matrices and on batches of matrices in the last two axes.</summary>
    public static class linalg
    {
        // Products.

        private static readonly Operator s_cross = new("linalg_cross");
        public static Tensor cross(Tensor input, Tensor other, long dim = -1) => s_cross.Call(input, other, dim);

        private static readonly Operator s_multi_dot = new("linalg_multi_dot");

        /// <summary>The product of a chain of matrices, multiplied in the cheapest order.</summary>
        public static Tensor multi_dot(IList<Tensor> tensors) => tensors.Count switch
        {
            0 => throw new ArgumentException("multi_dot needs at least one tensor.", nameof(tensors)),
            1 => tensors[0].alias(),
            _ => s_multi_dot.Call(Value.Tensors([.. tensors])),
        };

        private static readonly Operator s_householder_product = new("linalg_householder_product");
        public static Tensor householder_product(Tensor A, Tensor tau) => s_householder_product.Call(A, tau);

        private static readonly Operator s_vecdot = new("linalg_vecdot");
        private static readonly Operator s_vecdot_out = new("linalg_vecdot", "out");
        public static Tensor vecdot(Tensor x, Tensor y, long dim = -1, Tensor? @out = null) =>
            @out is null ? s_vecdot.Call(x, y, dim) : s_vecdot_out.CallInto(@out, x, y, dim, @out);

        private static readonly Operator s_vander = new("linalg_vander");
        public static Tensor vander(Tensor input, long? N = null) => s_vander.Call(input, N);

        // Inverses and systems of equations.

        private static readonly Operator s_inv = new("linalg_inv");
        public static Tensor inv(Tensor input) => s_inv.Call(input);

        private static readonly Operator s_inv_ex = new("linalg_inv_ex");
        public static (Tensor L, Tensor info) inv_ex(Tensor input, bool check_errors = false) => s_inv_ex.Call2(input, check_errors);

        private static readonly Operator s_pinv = new("linalg_pinv", "atol_rtol_float");
        private static readonly Operator s_pinv_tensor = new("linalg_pinv", "atol_rtol_tensor");
        public static Tensor pinv(Tensor input, Tensor atol, Tensor? rtol = null, bool hermitian = false) => s_pinv_tensor.Call(input, atol, rtol, hermitian);
        public static Tensor pinv(Tensor input, double? atol = null, double? rtol = null, bool hermitian = false) => s_pinv.Call(input, atol, rtol, hermitian);

        private static readonly Operator s_solve = new("linalg_solve");
        public static Tensor solve(Tensor A, Tensor B, bool left = true) => s_solve.Call(A, B, left);

        private static readonly Operator s_solve_ex = new("linalg_solve_ex");
        public static (Tensor result, Tensor info) solve_ex(Tensor A, Tensor B, bool left = true, bool check_errors = false) => s_solve_ex.Call2(A, B, left, check_errors);

        private static readonly Operator s_solve_triangular = new("linalg_solve_triangular");
        private static readonly Operator s_solve_triangular_out = new("linalg_solve_triangular", "out");
        public static Tensor solve_triangular(Tensor A, Tensor B, bool upper, bool left = true, bool unitriangular = false, Tensor? @out = null) =>
            @out is null
                ? s_solve_triangular.Call(A, B, upper, left, unitriangular)
                : s_solve_triangular_out.CallInto(@out, A, B, upper, left, unitriangular, @out);

        private static readonly Operator s_lstsq = new("linalg_lstsq");
        public static (Tensor Solution, Tensor Residuals, Tensor Rank, Tensor SingularValues) lstsq(Tensor input, Tensor other) => s_lstsq.Call4(input, other);
        public static (Tensor Solution, Tensor Residuals, Tensor Rank, Tensor SingularValues) lstsq(Tensor input, Tensor other, double rcond) => s_lstsq.Call4(input, other, rcond);

        private static readonly Operator s_tensorinv = new("linalg_tensorinv");
        public static Tensor tensorinv(Tensor input, long ind) => s_tensorinv.Call(input, ind);

        private static readonly Operator s_tensorsolve = new("linalg_tensorsolve");
        public static Tensor tensorsolve(Tensor A, Tensor B, long[] dims) => s_tensorsolve.Call(A, B, Value.Optional(dims));

        // Decompositions.

        private static readonly Operator s_cholesky = new("linalg_cholesky");
        public static Tensor cholesky(Tensor input) => s_cholesky.Call(input);

        private static readonly Operator s_cholesky_ex = new("linalg_cholesky_ex");
        public static (Tensor L, Tensor info) cholesky_ex(Tensor input, bool check_errors = false) => s_cholesky_ex.Call2(input, false, check_errors);

        private static readonly Operator s_eig = new("linalg_eig");
        public static (Tensor, Tensor) eig(Tensor input) => s_eig.Call2(input);

        private static readonly Operator s_eigh = new("linalg_eigh");
        public static (Tensor, Tensor) eigh(Tensor input, char UPLO = 'L') => s_eigh.Call2(input, UPLO.ToString());

        private static readonly Operator s_eigvals = new("linalg_eigvals");
        public static Tensor eigvals(Tensor input) => s_eigvals.Call(input);

        private static readonly Operator s_eigvalsh = new("linalg_eigvalsh");
        public static Tensor eigvalsh(Tensor input, char UPLO = 'L') => s_eigvalsh.Call(input, UPLO.ToString());

        private static readonly Operator s_ldl_factor = new("linalg_ldl_factor");
        public static (Tensor LU, Tensor? Pivots) ldl_factor(Tensor input, bool hermitian = true) => s_ldl_factor.Call2(input, hermitian);

        private static readonly Operator s_ldl_factor_ex = new("linalg_ldl_factor_ex");
        public static (Tensor LU, Tensor? Pivots, Tensor? Info) ldl_factor_ex(Tensor input, bool hermitian = true, bool check_errors = false) =>
            s_ldl_factor_ex.Call3(input, hermitian, check_errors);

        private static readonly Operator s_ldl_solve = new("linalg_ldl_solve");
        public static Tensor ldl_solve(Tensor LD, Tensor pivots, Tensor B, bool hermitian = false) => s_ldl_solve.Call(LD, pivots, B, hermitian);

        private static readonly Operator s_lu = new("linalg_lu");
        public static (Tensor P, Tensor L, Tensor U) lu(Tensor input, bool pivot = true) => s_lu.Call3(input, pivot);

        private static readonly Operator s_lu_factor = new("linalg_lu_factor");
        public static (Tensor LU, Tensor? Pivots) lu_factor(Tensor input, bool pivot = true) => s_lu_factor.Call2(input, pivot);

        private static readonly Operator s_lu_solve = new("linalg_lu_solve");
        private static readonly Operator s_lu_solve_out = new("linalg_lu_solve", "out");
        public static Tensor lu_solve(Tensor LU, Tensor pivots, Tensor B, bool left = true, bool adjoint = false, Tensor? @out = null) =>
            @out is null
                ? s_lu_solve.Call(LU, pivots, B, left, adjoint)
                : s_lu_solve_out.CallInto(@out, LU, pivots, B, left, adjoint, @out);

        public enum QRMode
        {
            Reduced = 0,
            Complete = 1,
            R = 2,
        }

        private static readonly Operator s_qr = new("linalg_qr");
        public static (Tensor Q, Tensor R) qr(Tensor input, QRMode mode = QRMode.Reduced) =>
            s_qr.Call2(input, mode switch { QRMode.Complete => "complete", QRMode.R => "r", _ => "reduced" });

        private static readonly Operator s_svd = new("linalg_svd");
        public static (Tensor U, Tensor S, Tensor Vh) svd(Tensor input, bool fullMatrices = true) => s_svd.Call3(input, fullMatrices);

        private static readonly Operator s_svdvals = new("linalg_svdvals");
        public static Tensor svdvals(Tensor input) => s_svdvals.Call(input);

        // Numbers that describe a matrix.

        private static readonly Operator s_cond = new("linalg_cond");
        private static readonly Operator s_cond_name = new("linalg_cond", "p_str");
        public static Tensor cond(Tensor input) => s_cond.Call(input);
        public static Tensor cond(Tensor input, double p) => s_cond.Call(input, p);
        public static Tensor cond(Tensor input, int p) => s_cond.Call(input, p);
        public static Tensor cond(Tensor input, string p) => s_cond_name.Call(input, p);

        private static readonly Operator s_det = new("linalg_det");
        public static Tensor det(Tensor input) => s_det.Call(input);

        private static readonly Operator s_slogdet = new("linalg_slogdet");
        public static (Tensor, Tensor) slogdet(Tensor input) => s_slogdet.Call2(input);

        private static readonly Operator s_matrix_rank = new("linalg_matrix_rank", "atol_rtol_float");
        private static readonly Operator s_matrix_rank_tensor = new("linalg_matrix_rank", "atol_rtol_tensor");
        public static Tensor matrix_rank(Tensor input, Tensor atol, Tensor? rtol = null, bool hermitian = false) => s_matrix_rank_tensor.Call(input, atol, rtol, hermitian);
        public static Tensor matrix_rank(Tensor input, double? atol = null, double? rtol = null, bool hermitian = false) => s_matrix_rank.Call(input, atol, rtol, hermitian);

        public static Tensor diagonal(Tensor input, int offset = 0, int dim1 = -2, int dim2 = -1) => input.diagonal(offset, dim1, dim2);

        public static Tensor matrix_exp(Tensor input) => input.matrix_exp();

        // Norms.

        private static readonly long[] s_matrixAxes = [-2, -1];

        private static readonly Operator s_matrix_norm = new("linalg_matrix_norm");
        private static readonly Operator s_matrix_norm_name = new("linalg_matrix_norm", "str_ord");
        public static Tensor matrix_norm(Tensor input, double ord, long[]? dims = null, bool keepdim = false) => s_matrix_norm.Call(input, ord, dims ?? s_matrixAxes, keepdim);
        public static Tensor matrix_norm(Tensor input, string ord = "fro", long[]? dims = null, bool keepdim = false) => s_matrix_norm_name.Call(input, ord, dims ?? s_matrixAxes, keepdim);

        private static readonly Operator s_norm = new("linalg_norm");
        private static readonly Operator s_norm_name = new("linalg_norm", "ord_str");
        public static Tensor norm(Tensor input, double ord, long[]? dims = null, bool keepdim = false) => s_norm.Call(input, ord, Value.Optional(dims), keepdim);
        public static Tensor norm(Tensor input, int ord, long[]? dims = null, bool keepdim = false) => s_norm.Call(input, ord, Value.Optional(dims), keepdim);
        public static Tensor norm(Tensor input, long[]? dims = null, bool keepdim = false) => s_norm.Call(input, Value.None, Value.Optional(dims), keepdim);
        public static Tensor norm(Tensor input, string ord, long[]? dims = null, bool keepdim = false) => s_norm_name.Call(input, ord, Value.Optional(dims), keepdim);

        private static readonly Operator s_vector_norm = new("linalg_vector_norm");
        public static Tensor vector_norm(Tensor input, double ord = 2, long[]? dims = null, bool keepdim = false) => s_vector_norm.Call(input, ord, Value.Optional(dims), keepdim);
    }
}
