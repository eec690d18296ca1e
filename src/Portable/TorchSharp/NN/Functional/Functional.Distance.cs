using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public static partial class functional
        {
            private static readonly Operator s_cosineSimilarity = new("cosine_similarity"), s_pairwiseDistance = new("pairwise_distance"), s_oneHot = new("one_hot");

            public static Tensor cosine_similarity(Tensor x1, Tensor x2, long dim = 1, double eps = 1e-8) => s_cosineSimilarity.Call(x1, x2, dim, eps);

            public static Tensor pairwise_distance(Tensor input1, Tensor input2, double p = 2.0, double eps = 1e-6, bool keepdim = false) =>
                s_pairwiseDistance.Call(input1, input2, p, eps, keepdim);

            /// <summary>(…) class indices as (…, classes) zeros and ones; −1 classes means as many as the largest index needs.</summary>
            public static Tensor one_hot(Tensor x, long num_classes = -1)
            {
                if (x.dtype != ScalarType.Int64) throw new ArgumentException("OneHot input tensor must have elements of type Int64");
                return s_oneHot.Call(x, num_classes);
            }
        }
    }
}
