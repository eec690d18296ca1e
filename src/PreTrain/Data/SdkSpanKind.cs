namespace PreTrain.Data;

/// <summary>What a marked part of an <see cref="SdkText"/> stands for.</summary>
public enum SdkSpanKind
{
    /// <summary>The name of a type or member (<c>see cref</c>).</summary>
    Reference,

    /// <summary>The name of a parameter (<c>paramref</c>).</summary>
    Parameter,

    /// <summary>The name of a type parameter (<c>typeparamref</c>).</summary>
    TypeParameter,

    /// <summary>A keyword of the language, such as <c>null</c> (<c>see langword</c>).</summary>
    Keyword,

    /// <summary>Code inside a sentence (<c>c</c>).</summary>
    Code,
}
