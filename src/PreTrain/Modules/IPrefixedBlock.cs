namespace PreTrain.Modules;

/// <summary>A block whose attention can begin with keys and values of its own.</summary>
internal interface IPrefixedBlock
{
    /// <summary>The keys and values; null for none. A submodule, and disposed with the block.</summary>
    AttentionPrefix? Prefix { get; set; }
}
