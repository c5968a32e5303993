/** Whether a parameter is a classifier's: `head` and `head_dist` of a Vision Transformer, `fc` of a ResNet, `head.fc` of a RegNet. */
export const isHead = (name: string): boolean => /^(head|head_dist|fc)\./.test(name);
