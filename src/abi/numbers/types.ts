// The shape of the generated tables: a number and the name that it has on that architecture, in order.

export type Numbers = readonly (readonly [number: number, name: string])[];
