/** How a model gets a head for other classes. */
export const newHead = (path: string, data = 'DIR'): string =>
  `first fit it to your classes: understudy train --data ${data} --init ${path}`;
