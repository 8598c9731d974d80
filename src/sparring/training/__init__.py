"""Training: the loop, and the parts of a run that it puts together.

From the loop to whoever samples a call goes down through five files:

    loop                what a step is: rollouts, rewards, advantages, learning, record
    rollouts.online     a step's groups, in one or more attempts, on disk before they are used
    rollouts.batch      responses of all players asked for, groups graded
    rollouts.responses  by which calls, what is missing, into the journal
    weights.policies    the weights of each role, put in force

On its way up, `rollouts.arrivals` reads each response, `grading.grade` runs and compares, and the
loop has `grading.scorer` pay. `rollouts.asynchronous` stands beside `rollouts.online` and makes its
steps one ahead; `rollouts.replayed` reads another run's. The packages import downwards: `rollouts`,
`supervision`, then `prompting`, `weights` and `monitoring`, then `state`.
"""
