using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Products.

        private static readonly Operator s_matmul = new("matmul");
        public Tensor matmul(Tensor target) => s_matmul.Call(this, target);

        private static readonly Operator s_mm = new("mm");
        public Tensor mm(Tensor target) => s_mm.Call(this, target);

        private static readonly Operator s_bmm = new("bmm");
        public Tensor bmm(Tensor batch2) => s_bmm.Call(this, batch2);

        private static readonly Operator s_mv = new("mv");
        public Tensor mv(Tensor target) => s_mv.Call(this, target);

        private static readonly Operator s_dot = new("dot");
        /// <exception cref="InvalidOperationException">They are no vectors of the same length.</exception>
        public Tensor dot(Tensor target) => s_dot.Call(this, OfSameLength(target));

        private static readonly Operator s_vdot = new("vdot");
        /// <exception cref="InvalidOperationException">They are no vectors of the same length.</exception>
        public Tensor vdot(Tensor target) => s_vdot.Call(this, OfSameLength(target));

        private Tensor OfSameLength(Tensor target) =>
            target is null || (ndim == 1 && target.ndim == 1 && NumberOfElements == target.NumberOfElements) ? target!
                : throw new InvalidOperationException($"The shapes ({string.Join(", ", shape)}) and ({string.Join(", ", target.shape)}) must be those of two vectors of the same length.");

        private static readonly Operator s_inner = new("inner");
        public Tensor inner(Tensor vec2) => s_inner.Call(this, vec2);

        private static readonly Operator s_outer = new("outer");
        public Tensor outer(Tensor vec2) => s_outer.Call(this, vec2);

        private static readonly Operator s_ger = new("ger");
        public Tensor ger(Tensor vec2) => s_ger.Call(this, vec2);

        private static readonly Operator s_kron = new("kron");
        public Tensor kron(Tensor other) => s_kron.Call(this, other);

        private static readonly Operator s_tensordot = new("tensordot");
        public Tensor tensordot(Tensor b, (long, long)[] dims) =>
            tensordot(b, Array.ConvertAll(dims, d => d.Item1), Array.ConvertAll(dims, d => d.Item2));
        public Tensor tensordot(Tensor b, long dims = 2) => tensordot(b, AxesFrom(Dimensions - dims, dims), AxesFrom(0, dims));
        public Tensor tensordot(Tensor b, long[] dims1, long[] dims2) => s_tensordot.Call(this, b, dims1, dims2);

        // Products that are added.

        private static readonly Operator s_addbmm = new("addbmm");
        private static readonly Operator s_addbmm_ = new("addbmm_");
        public Tensor addbmm(Tensor batch1, Tensor batch2, float beta = 1, float alpha = 1) => s_addbmm.Call(this, batch1, batch2, beta, alpha);
        public Tensor addbmm_(Tensor batch1, Tensor batch2, float beta = 1, float alpha = 1) => s_addbmm_.CallInto(this, this, batch1, batch2, beta, alpha);

        private static readonly Operator s_addmm = new("addmm");
        private static readonly Operator s_addmm_ = new("addmm_");
        public Tensor addmm(Tensor mat1, Tensor mat2, float beta = 1, float alpha = 1) => s_addmm.Call(this, mat1, mat2, beta, alpha);
        public Tensor addmm_(Tensor mat1, Tensor mat2, float beta = 1, float alpha = 1) => s_addmm_.CallInto(this, this, mat1, mat2, beta, alpha);

        private static readonly Operator s_addmv = new("addmv");
        private static readonly Operator s_addmv_ = new("addmv_");
        public Tensor addmv(Tensor mat, Tensor vec, float beta = 1, float alpha = 1) => s_addmv.Call(this, mat, vec, beta, alpha);
        public Tensor addmv_(Tensor mat, Tensor vec, float beta = 1, float alpha = 1) => s_addmv_.CallInto(this, this, mat, vec, beta, alpha);

        private static readonly Operator s_addr = new("addr");
        private static readonly Operator s_addr_ = new("addr_");
        public Tensor addr(Tensor vec1, Tensor vec2, float beta = 1, float alpha = 1) => s_addr.Call(this, vec1, vec2, beta, alpha);
        public Tensor addr_(Tensor vec1, Tensor vec2, float beta = 1, float alpha = 1) => s_addr_.CallInto(this, this, vec1, vec2, beta, alpha);

        private static readonly Operator s_baddbmm = new("baddbmm");
        public Tensor baddbmm(Tensor batch1, Tensor batch2, float beta = 1, float alpha = 1) => s_baddbmm.Call(this, batch1, batch2, beta, alpha);

        // Decompositions and functions of matrices.

        private static readonly Operator s_cholesky = new("linalg_cholesky");
        [Obsolete("torch.cholesky is deprecated in favor of torch.linalg.cholesky and will be removed in a future release. Use torch.linalg.cholesky instead.", false)]
        public Tensor cholesky(bool upper = false) => s_cholesky.Call(this, upper);

        private static readonly Operator s_cholesky_inverse = new("cholesky_inverse");
        public Tensor cholesky_inverse(bool upper = false) => s_cholesky_inverse.Call(this, upper);

        private static readonly Operator s_cholesky_solve = new("cholesky_solve");
        public Tensor cholesky_solve(Tensor input2, bool upper = false) => s_cholesky_solve.Call(this, input2, upper);

        private static readonly Operator s_det = new("det");
        public Tensor det() => s_det.Call(this);

        private static readonly Operator s_geqrf = new("geqrf");
        public (Tensor a, Tensor tau) geqrf() => s_geqrf.Call2(this);

        public Tensor inverse() => linalg.inv(this);

        private static readonly Operator s_logdet = new("logdet");
        /// <exception cref="ArgumentException">It is no square matrix, nor several.</exception>
        public Tensor logdet() =>
            ndim >= 2 && size(-1) == size(-2) ? s_logdet.Call(this) : throw new ArgumentException($"The last two axes of ({string.Join(", ", shape)}) must be those of a square matrix.");

        private static readonly Operator s_matrix_exp = new("matrix_exp");
        public Tensor matrix_exp() => s_matrix_exp.Call(this);

        private static readonly Operator s_matrix_power = new("matrix_power");
        public Tensor matrix_power(int n) => s_matrix_power.Call(this, n);

        private static readonly Operator s_ormqr = new("ormqr");
        public Tensor ormqr(Tensor tau, Tensor other, bool left = true, bool transpose = false) => s_ormqr.Call(this, tau, other, left, transpose);

        private static readonly Operator s_pinverse = new("linalg_pinv");
        public Tensor pinverse(double rcond = 1e-15, bool hermitian = false) => s_pinverse.Call(this, rcond, hermitian);

        private static readonly Operator s_trace = new("trace");
        /// <exception cref="ArgumentException">It is no matrix.</exception>
        public Tensor trace() => ndim == 2 ? s_trace.Call(this) : throw new ArgumentException($"The tensor has {ndim} axes and must be a matrix.");

        // Transposes.

        /// <summary>All axes in reverse order.</summary>
        public Tensor T
        {
            get
            {
                long[] axes = AxesFrom(0, Dimensions);
                Array.Reverse(axes);
                return permute(axes);
            }
        }

        /// <summary>A matrix transposed and conjugated.</summary>
        public Tensor H
        {
            get
            {
                Tensor transposed = transpose(0, 1);
                if (!transposed.is_complex()) return transposed;
                using (transposed) return transposed.conj();
            }
        }

        private static readonly Operator s_mT = new("mT");
        public Tensor mT => s_mT.Call(this);

        private static readonly Operator s_mH = new("mH");
        public Tensor mH => s_mH.Call(this);

        private static readonly Operator s_t = new("t");
        public Tensor t() => s_t.Call(this);

        private static readonly Operator s_adjoint = new("adjoint");
        public Tensor adjoint() => s_adjoint.Call(this);

        // Triangles and diagonals.

        private static readonly Operator s_tril = new("tril");
        private static readonly Operator s_tril_ = new("tril_");
        public Tensor tril(long diagonal = 0) => s_tril.Call(this, diagonal);
        public Tensor tril_(long diagonal = 0) => s_tril_.CallInto(this, this, diagonal);

        private static readonly Operator s_triu = new("triu");
        private static readonly Operator s_triu_ = new("triu_");
        public Tensor triu(long diagonal = 0) => s_triu.Call(this, diagonal);
        public Tensor triu_(long diagonal = 0) => s_triu_.CallInto(this, this, diagonal);

        private static readonly Operator s_diag = new("diag");
        public Tensor diag(long diagonal = 0) => s_diag.Call(this, diagonal);

        private static readonly Operator s_diag_embed = new("diag_embed");
        public Tensor diag_embed(long offset = 0, long dim1 = -2, long dim2 = -1) => s_diag_embed.Call(this, offset, dim1, dim2);

        private static readonly Operator s_diagflat = new("diagflat");
        public Tensor diagflat(long offset = 0) => s_diagflat.Call(this, offset);

        private static readonly Operator s_diagonal = new("diagonal");
        /// <exception cref="ArgumentException">Both axes are the same.</exception>
        public Tensor diagonal(long offset = 0, long dim1 = 0, long dim2 = 1) =>
            dim1 != dim2 ? s_diagonal.Call(this, offset, dim1, dim2) : throw new ArgumentException($"{nameof(dim1)} and {nameof(dim2)} are both {dim1}; a diagonal has two axes.", nameof(dim2));

        private static readonly Operator s_vander = new("vander");
        /// <summary>The powers of each element in a row; as many as there are elements, unless N is given.</summary>
        /// <exception cref="InvalidOperationException">The tensor is no vector.</exception>
        public Tensor vander(long N = -1, bool increasing = false) => Dimensions == 1
            ? s_vander.Call(this, N == -1 ? NumberOfElements : N, increasing)
            : throw new InvalidOperationException($"vander() takes a vector, and this tensor has {Dimensions} axes.");

        // The numbers start, start + 1, …, in all count of them.
        private static long[] AxesFrom(long start, long count)
        {
            var axes = new long[count];
            for (int i = 0; i < axes.Length; i++) axes[i] = start + i;
            return axes;
        }
    }
}
