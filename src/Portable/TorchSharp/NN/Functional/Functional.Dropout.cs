using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public static partial class functional
        {
            private static readonly Operator s_dropout = new("dropout"), s_dropoutInPlace = new("dropout_");
            private static readonly Operator s_featureDropout = new("feature_dropout"), s_featureDropoutInPlace = new("feature_dropout_");
            private static readonly Operator s_alphaDropout = new("alpha_dropout"), s_alphaDropoutInPlace = new("alpha_dropout_");
            private static readonly Operator s_featureAlphaDropout = new("feature_alpha_dropout"), s_featureAlphaDropoutInPlace = new("feature_alpha_dropout_");
            private static readonly Operator s_unsqueeze = new("unsqueeze"), s_squeeze = new("squeeze", "dim");

            private static Tensor Drop(Operator op, Operator inPlace, Tensor input, double p, bool training, bool inplace)
            {
                if (p is not (>= 0 and <= 1)) throw new ArgumentException($"The dropout probability must be between 0 and 1, but is {p}.", nameof(p));
                return (inplace ? inPlace : op).Call(input, p, training);
            }

            public static Tensor dropout(Tensor input, double p = 0.5, bool training = true, bool inplace = false) =>
                Drop(s_dropout, s_dropoutInPlace, input, p, training, inplace);

            /// <summary>Drops whole channels of (N, C, L).</summary>
            public static Tensor dropout1d(Tensor input, double p = 0.5, bool training = true, bool inplace = false)
            {
                using Tensor image = s_unsqueeze.Call(input, -1);
                using Tensor dropped = dropout2d(image, p, training, inplace);
                return s_squeeze.Call(dropped, -1);
            }

            /// <summary>Drops whole channels of (N, C, H, W).</summary>
            public static Tensor dropout2d(Tensor input, double p = 0.5, bool training = true, bool inplace = false) =>
                Drop(s_featureDropout, s_featureDropoutInPlace, input, p, training, inplace);

            /// <summary>Drops whole channels of (N, C, D, H, W).</summary>
            public static Tensor dropout3d(Tensor input, double p = 0.5, bool training = true, bool inplace = false) =>
                Drop(s_featureDropout, s_featureDropoutInPlace, input, p, training, inplace);

            /// <summary>Keeps mean and variance of inputs that are normal (Klambauer et al., 2017).</summary>
            public static Tensor alpha_dropout(Tensor input, double p = 0.5, bool training = false, bool inplace = false) =>
                Drop(s_alphaDropout, s_alphaDropoutInPlace, input, p, training, inplace);

            public static Tensor feature_alpha_dropout(Tensor input, double p = 0.5, bool training = false, bool inplace = false) =>
                Drop(s_featureAlphaDropout, s_featureAlphaDropoutInPlace, input, p, training, inplace);
        }
    }
}
