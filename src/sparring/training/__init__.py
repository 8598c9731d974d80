"""Training: the loop, and the parts of a training run that the loop composes.

A call goes from the loop down to the sampler through five files:

    loop                what a step is: rollouts, rewards, advantages, learning, record
    rollouts.online     a step's groups, in one or more attempts, on disk before they are used
    rollouts.batch      responses of all players requested, groups graded
    rollouts.responses  missing responses sampled, each written to the journal
    weights.policies    the weights of each role, put in force

On the way back up, `rollouts.arrivals` reads each response, `grading.grade` runs the programs and
compares outputs, and the loop has `grading.scorer` compute rewards and advantages.

`rollouts.asynchronous` wraps `rollouts.online` and samples one step ahead. `rollouts.replayed`
reads the rollouts of another run. The packages import downwards: `rollouts`, `pseudo_labels`, then
`prompting`, `weights` and `monitoring`, then `state`.
"""
