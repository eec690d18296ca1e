namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public interface IModule<T1, T2, TResult>
        {
            TResult call(T1 input1, T2 input2);
        }

        /// <summary>A module with two inputs. Derived classes write <c>forward</c>; users call <c>call</c>, which also runs the hooks.</summary>
        public abstract class Module<T1, T2, TResult> : HookableModule<Func<Module<T1, T2, TResult>, T1, T2, (T1, T2)?>, Func<Module<T1, T2, TResult>, T1, T2, TResult, TResult>>,
            IModule<T1, T2, TResult>
        {
            protected Module(string name) : base(name)
            {
            }

            public abstract TResult forward(T1 input1, T2 input2);

            public TResult call(T1 input1, T2 input2)
            {
                if (module_pre_hooks.Count > 0)
                    foreach (var hook in module_pre_hooks.Values.ToArray()) hook(this);
                if (pre_hooks.Count > 0)
                {
                    foreach (var hook in pre_hooks.Values.ToArray())
                        if (hook(this, input1, input2) is { } modified) (input1, input2) = modified;
                }

                TResult result = forward(input1, input2);

                if (post_hooks.Count > 0)
                {
                    foreach (var hook in post_hooks.Values.ToArray())
                        if (hook(this, input1, input2, result) is { } modified) result = modified;
                }
                if (module_post_hooks.Count > 0)
                    foreach (var hook in module_post_hooks.Values.ToArray()) hook(this);
                return result;
            }
        }
    }
}
